-- What people wrote of a version, edit by edit: the newest revision is what is shown, and none is lost.
CREATE TABLE model_cards (
    version_id uuid NOT NULL REFERENCES model_versions,
    revision bigint NOT NULL CONSTRAINT model_cards_revision CHECK (revision > 0),
    markdown text NOT NULL CONSTRAINT model_cards_markdown CHECK (octet_length(markdown) <= 65536),
    written_by text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (version_id, revision)
);

-- What somebody wrote that was refused: it is shown to him again, until something of his is taken.
CREATE TABLE model_card_drafts (
    version_id uuid NOT NULL REFERENCES model_versions,
    author text NOT NULL,
    markdown text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (version_id, author)
);

-- A re-run trains again what another run has trained, and makes no version: `reproduction` says what came of it.
ALTER TABLE training_runs
    ADD COLUMN rerun_of uuid REFERENCES training_runs,
    ADD COLUMN trainer text,
    ADD COLUMN reproduction jsonb,
    ADD CONSTRAINT training_runs_reproduction CHECK (reproduction IS NULL OR rerun_of IS NOT NULL);
CREATE INDEX training_runs_reruns ON training_runs (rerun_of, created_at DESC) WHERE rerun_of IS NOT NULL;
