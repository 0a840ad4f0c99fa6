-- Where reading a feed goes on that a limit stopped between two pages.
CREATE TABLE resume_points (
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    feed TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (connection_id, feed)
);
