-- A scoring run with the names of what it works on and of what it made.
CREATE VIEW scoring_run_details AS
SELECT r.id, r.project_id, r.dataset_version_id, r.job_id, r.status, dv.row_count AS total_rows, r.row_count, r.failed_count,
       r.refusals, d.name AS dataset, dv.version AS dataset_version, m.name AS model, mv.version AS model_version,
       mv.sha256 AS artifact_sha256, r.output, made.version AS output_version, r.keep_columns, r.prediction_column, r.error,
       r.attempt, r.created_by, r.created_at, r.started_at, r.finished_at
FROM scoring_runs r
JOIN dataset_versions dv ON dv.id = r.dataset_version_id
JOIN datasets d ON d.id = dv.dataset_id
JOIN model_versions mv ON mv.id = r.model_version_id
JOIN models m ON m.id = mv.model_id
LEFT JOIN dataset_versions made ON made.scoring_run_id = r.id;
