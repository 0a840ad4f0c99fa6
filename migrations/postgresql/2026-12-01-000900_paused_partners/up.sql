-- Partners whose syncs the administrator has paused, and since when.
CREATE TABLE paused_partners (
    partner TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);

-- Connections are counted by status and activity group from this alone.
CREATE INDEX connections_counted
    ON connections (partner, status, activity_group, polled_as, subscribed_at)
    WHERE connected_at IS NOT NULL;

-- Lists of errors of one state, the latest first, begin where the page does.
CREATE INDEX incidents_open_by_id ON incidents (id) WHERE closed_at IS NULL;
CREATE INDEX incidents_open_by_code ON incidents (code, partner, id) WHERE closed_at IS NULL;
CREATE INDEX incidents_open_by_partner ON incidents (partner, id) WHERE closed_at IS NULL;
CREATE INDEX incidents_closed_by_id ON incidents (id) WHERE closed_at IS NOT NULL;
DROP INDEX incidents_of_partner;
