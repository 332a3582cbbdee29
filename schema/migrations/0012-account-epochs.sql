-- What was given out for an account ends when its password changes, when a staff member moves to another department, and
-- when the account is removed, whoever does it: gateways read every two seconds which accounts changed.

CREATE TABLE account_epochs
(
  staff      BOOLEAN     NOT NULL,
  -- Of a student or staff member.
  id         BIGINT      NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  -- The transaction: by it readers miss none, in whatever order transactions end.
  xact       XID8        NOT NULL,
  PRIMARY KEY (staff, id)
);
CREATE INDEX account_epochs_by_xact ON account_epochs (xact);

-- With its owner's privileges, as the next one: whoever may change an account ends what was given out for it.
CREATE FUNCTION note_account_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO account_epochs (staff, id, changed_at, xact)
  VALUES (TG_TABLE_NAME = 'staff', OLD.id, clock_timestamp(), pg_current_xact_id())
  ON CONFLICT ON CONSTRAINT account_epochs_pkey DO UPDATE SET changed_at = excluded.changed_at, xact = excluded.xact;
  RETURN NULL;
END
$$;

-- Who was removed may come back.
CREATE FUNCTION note_accounts_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  UPDATE account_epochs SET changed_at = clock_timestamp(), xact = pg_current_xact_id()
  FROM added WHERE account_epochs.staff = (TG_TABLE_NAME = 'staff') AND account_epochs.id = added.id;
  RETURN NULL;
END
$$;

DO $$
BEGIN
  -- Nobody's temporary table of the same name is written instead.
  EXECUTE format('ALTER FUNCTION note_account_change() SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION note_accounts_added() SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION note_account_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION note_accounts_added() FROM PUBLIC;

-- By column: what decisions write into `students` costs nothing more.
CREATE TRIGGER account_changed AFTER UPDATE OF password, department_id ON staff FOR EACH ROW
  WHEN ((OLD.password, OLD.department_id) IS DISTINCT FROM (NEW.password, NEW.department_id))
  EXECUTE FUNCTION note_account_change();
CREATE TRIGGER account_removed AFTER DELETE ON staff FOR EACH ROW EXECUTE FUNCTION note_account_change();
CREATE TRIGGER accounts_added AFTER INSERT ON staff REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION note_accounts_added();
CREATE TRIGGER account_changed AFTER UPDATE OF password ON students FOR EACH ROW
  WHEN (OLD.password IS DISTINCT FROM NEW.password) EXECUTE FUNCTION note_account_change();
CREATE TRIGGER account_removed AFTER DELETE ON students FOR EACH ROW EXECUTE FUNCTION note_account_change();
CREATE TRIGGER accounts_added AFTER INSERT ON students REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION note_accounts_added();
