-- The public halves of the keys that tokens are signed with; a private half stays with the process that made it. A token is
-- good for as long as its key is here: without the row, every token that the key signed is worth nothing.
CREATE TABLE signing_keys (
    public_key bytea PRIMARY KEY CONSTRAINT signing_keys_public_key CHECK (octet_length(public_key) = 32),
    signs_from timestamptz NOT NULL,
    signs_until timestamptz NOT NULL,
    CONSTRAINT signing_keys_signs_until CHECK (signs_until >= signs_from)
);
CREATE TRIGGER signing_keys_wake_serving AFTER INSERT OR DELETE OR UPDATE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();
