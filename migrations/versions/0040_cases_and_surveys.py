"""Cases with their history, and surveys after a sale."""

from crm.migrations import script

revision = "0040"
down_revision = "0039"
branch_labels = depends_on = None

CASES = """
CREATE TABLE member_case (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    came_with uuid,
    order_id uuid,
    source text NOT NULL,
    occasion text,
    kind text NOT NULL,
    subject text NOT NULL,
    text text,
    rating smallint,
    state text NOT NULL DEFAULT 'open',
    reason text,
    owner_id uuid,
    due_at timestamptz NOT NULL,
    overdue_at timestamptz,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by text,
    CONSTRAINT pk_member_case PRIMARY KEY (id),
    CONSTRAINT uq_member_case_occasion UNIQUE (occasion),
    CONSTRAINT fk_member_case_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT fk_member_case_came_with FOREIGN KEY (came_with) REFERENCES member (id),
    CONSTRAINT fk_member_case_order_id FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT fk_member_case_owner_id FOREIGN KEY (owner_id) REFERENCES staff (id),
    CONSTRAINT ck_member_case_source CHECK (source IN ('staff', 'survey', 'api')),
    CONSTRAINT ck_member_case_state CHECK (
        state IN ('open', 'in_progress', 'waiting', 'closed')
        AND (state = 'closed') = (closed_at IS NOT NULL)
        AND (state = 'closed') = (reason IS NOT NULL)),
    CONSTRAINT ck_member_case_rating CHECK (rating BETWEEN 1 AND 5)
);
CREATE INDEX ix_member_case_member ON member_case (member_id, id);
CREATE INDEX ix_member_case_due ON member_case (due_at, id) WHERE state <> 'closed';
CREATE INDEX ix_member_case_owner ON member_case (owner_id, id) WHERE state <> 'closed';
COMMENT ON COLUMN member_case.came_with IS 'the merged record that brought it';
COMMENT ON COLUMN member_case.occasion IS 'what opened it, such as survey:<id>: once for ever';
COMMENT ON COLUMN member_case.overdue_at IS 'when it was announced that it is overdue';

CREATE TABLE member_case_event (
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    member_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    changes jsonb NOT NULL DEFAULT '{}',
    text text,
    actor text NOT NULL,
    actor_id uuid,
    CONSTRAINT pk_member_case_event PRIMARY KEY (id),
    CONSTRAINT fk_member_case_event_case_id FOREIGN KEY (case_id) REFERENCES member_case (id),
    CONSTRAINT ck_member_case_event_kind CHECK (
        kind IN ('opened', 'comment', 'changed', 'closed', 'reopened', 'overdue'))
);
CREATE INDEX ix_member_case_event_case ON member_case_event (case_id, id);
COMMENT ON COLUMN member_case_event.member_id IS 'the record that the case was of then';

CREATE FUNCTION member_case_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
-- History stands as it was written. Only what a person wrote may be taken away, when the member is
-- erased; it is never changed into something else.
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.text IS NULL
        AND (NEW.id, NEW.case_id, NEW.member_id, NEW.at, NEW.kind, NEW.changes, NEW.actor)
            = (OLD.id, OLD.case_id, OLD.member_id, OLD.at, OLD.kind, OLD.changes, OLD.actor)
        AND NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: put a mistake right with a new row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER member_case_event_append_only BEFORE UPDATE OR DELETE ON member_case_event
    FOR EACH ROW EXECUTE FUNCTION member_case_event_kept();

CREATE TABLE case_policy (
    version integer NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_case_policy PRIMARY KEY (version)
);
CREATE TRIGGER case_policy_append_only BEFORE UPDATE OR DELETE ON case_policy
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

SURVEYS = """
CREATE TABLE survey (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    came_with uuid,
    occasion text NOT NULL,
    journey text,
    order_id uuid,
    points bigint,
    low_at_most smallint NOT NULL,
    case_days smallint NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answered_at timestamptz,
    rating smallint,
    text text,
    locale text,
    granted bigint,
    case_id uuid,
    CONSTRAINT pk_survey PRIMARY KEY (id),
    CONSTRAINT uq_survey_occasion UNIQUE (occasion),
    CONSTRAINT fk_survey_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT fk_survey_came_with FOREIGN KEY (came_with) REFERENCES member (id),
    CONSTRAINT fk_survey_case_id FOREIGN KEY (case_id) REFERENCES member_case (id),
    CONSTRAINT ck_survey_answer CHECK (
        rating BETWEEN 1 AND 5 AND (rating IS NULL) = (answered_at IS NULL)),
    CONSTRAINT ck_survey_terms CHECK (
        points >= 0 AND low_at_most BETWEEN 0 AND 5 AND case_days BETWEEN 0 AND 366
        AND expires_at > opened_at)
);
CREATE INDEX ix_survey_member ON survey (member_id, id);
CREATE INDEX ix_survey_order ON survey (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX ix_survey_opened ON survey (opened_at);
CREATE INDEX ix_survey_answered ON survey (answered_at, id) WHERE answered_at IS NOT NULL;
COMMENT ON COLUMN survey.occasion IS 'once for ever, the same as that of the message that asks';
COMMENT ON COLUMN survey.points IS 'for an answer; NULL: what the programme''s rules give';
COMMENT ON COLUMN survey.low_at_most IS 'ratings up to this open a case';
"""


def upgrade() -> None:
    script(CASES)
    script(SURVEYS)
