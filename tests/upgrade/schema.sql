CREATE TABLE "_tocsin_acknowledgements" (
    "series" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "condition" TEXT NOT NULL,
    "opened_at" INTEGER_MS NOT NULL,
    "author" TEXT NOT NULL,
    "comment" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("series", "rule", "condition", "opened_at")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_batches" (
    "group_name" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "batch" TEXT NOT NULL,
    "left_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("group_name", "channel", "batch")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_candidates" (
    "candidate_id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "monitor" TEXT NOT NULL,
    "series" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "condition" TEXT NOT NULL,
    "opened_at" INTEGER_MS,
    "event_at" INTEGER_MS NOT NULL,
    "sequence" INTEGER NOT NULL,
    "payload" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("candidate_id")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_datapoints" (
    "metric_name" TEXT NOT NULL,
    "timestamp" INTEGER_MS NOT NULL,
    "value" REAL,
    "seasonality_data" TEXT NOT NULL,
    "interval_seconds" INTEGER NOT NULL,
    "seasonality_columns" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("metric_name", "timestamp")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_decisions" (
    "decision_id" TEXT NOT NULL,
    "candidate_id" TEXT NOT NULL,
    "event_id" TEXT,
    "monitor" TEXT NOT NULL,
    "series" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "condition" TEXT NOT NULL,
    "opened_at" INTEGER_MS,
    "group_name" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "stage" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "event_at" INTEGER_MS NOT NULL,
    "decided_at" INTEGER_MS NOT NULL,
    "until" INTEGER_MS,
    "notice_id" TEXT,
    "message_id" TEXT,
    PRIMARY KEY ("candidate_id", "decision_id")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_detections" (
    "metric_name" TEXT NOT NULL,
    "detector_id" TEXT NOT NULL,
    "timestamp" INTEGER_MS NOT NULL,
    "is_anomaly" BOOLEAN NOT NULL,
    "confidence_lower" REAL,
    "confidence_upper" REAL,
    "value" REAL,
    "detector_params" TEXT NOT NULL,
    "detection_metadata" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("metric_name", "detector_id", "timestamp")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_incidents" (
    "series" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "condition" TEXT NOT NULL,
    "opened_at" INTEGER_MS NOT NULL,
    "state" TEXT NOT NULL,
    "last_anomaly_at" INTEGER_MS NOT NULL,
    "anomalies" INTEGER NOT NULL,
    "direction" TEXT,
    "severity" REAL NOT NULL,
    "told_at" INTEGER_MS,
    "told_severity" REAL,
    "resolved_at" INTEGER_MS,
    "last_kind" TEXT NOT NULL,
    "last_reason" TEXT NOT NULL,
    "updated_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("series", "rule", "condition", "opened_at")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_leases" (
    "name" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "token" INTEGER NOT NULL,
    "expires_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("name")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_migrations" (
    "version" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "applied_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("version")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_notices" (
    "notice_id" TEXT NOT NULL,
    "group_name" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "batch" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "event_at" INTEGER_MS NOT NULL,
    "sequence" INTEGER NOT NULL,
    "due_at" INTEGER_MS NOT NULL,
    "payload" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("notice_id")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_outbox" (
    "message_id" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "series" TEXT NOT NULL,
    "payload" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "next_attempt_at" INTEGER_MS NOT NULL,
    "last_error" TEXT,
    "created_at" INTEGER_MS NOT NULL,
    "event_at" INTEGER_MS NOT NULL,
    "sequence" INTEGER NOT NULL,
    "sent_at" INTEGER_MS,
    PRIMARY KEY ("message_id")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_positions" (
    "name" TEXT NOT NULL,
    "position" TEXT NOT NULL,
    "updated_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("name")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_silences" (
    "silence_id" TEXT NOT NULL,
    "matchers" TEXT NOT NULL,
    "starts_at" INTEGER_MS NOT NULL,
    "ends_at" INTEGER_MS NOT NULL,
    "author" TEXT NOT NULL,
    "comment" TEXT NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    "matched" INTEGER NOT NULL,
    "last_matched_at" INTEGER_MS,
    "closed_at" INTEGER_MS,
    PRIMARY KEY ("silence_id")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_state" (
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "content" BLOB NOT NULL,
    "created_at" INTEGER_MS NOT NULL,
    PRIMARY KEY ("owner", "name")
) WITHOUT ROWID;

CREATE TABLE "_tocsin_tasks" (
    "metric_name" TEXT NOT NULL,
    "detector_id" TEXT NOT NULL,
    "process_type" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "started_at" INTEGER_MS NOT NULL,
    "updated_at" INTEGER_MS NOT NULL,
    "last_processed_timestamp" INTEGER_MS,
    "error_message" TEXT,
    "timeout_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("metric_name", "detector_id", "process_type")
) WITHOUT ROWID;

CREATE INDEX "decided_at_of__tocsin_decisions" ON "_tocsin_decisions" ("decided_at");

CREATE INDEX "due_at_of__tocsin_notices" ON "_tocsin_notices" ("due_at");

CREATE INDEX "event_id_of__tocsin_decisions" ON "_tocsin_decisions" ("event_id");

CREATE INDEX "notice_id_of__tocsin_decisions" ON "_tocsin_decisions" ("notice_id");

CREATE INDEX "series_rule_of__tocsin_candidates" ON "_tocsin_candidates" ("series", "rule");

CREATE INDEX "series_rule_opened_at_of__tocsin_decisions" ON "_tocsin_decisions" ("series", "rule", "opened_at");

CREATE INDEX "state_channel_created_at_event_at_sequence_message_id_of__tocsi" ON "_tocsin_outbox" ("state", "channel", "created_at", "event_at", "sequence", "message_id");

CREATE INDEX "state_created_at_of__tocsin_candidates" ON "_tocsin_candidates" ("state", "created_at");

CREATE INDEX "state_sent_at_of__tocsin_outbox" ON "_tocsin_outbox" ("state", "sent_at");

