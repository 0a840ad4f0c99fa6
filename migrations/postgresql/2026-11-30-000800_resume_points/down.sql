DROP TABLE resume_points;
