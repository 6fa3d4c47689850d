-- What hangs on the runs of the temporary table `past`; ids go on behind what is there already.
INSERT INTO ticket (id, external_id, customer_id, subject, text, received_at, submitted_at, extra)
SELECT :ticket + n, printf('H-%08d', n), customer, '', 'Where is it?', at, at, '{}' FROM past;

INSERT INTO run (id, ticket_id, pipeline, status, created_at, available_at, finished_at,
  lease_epoch, tries, is_suspect, intent, action_kind, amount_minor, gated_at, outcome, confidence,
  policy_version, model, visit)
SELECT :run + n, :ticket + n, 'support', iif(verdict = 'reject', 'rejected', 'done'), at, at, done,
  1, 0, 0, intent, kind, amount, at, outcome, confidence, :policy, 'local', 1 FROM past;

UPDATE past SET action = json_object('kind', kind, 'tool', tool,
  'args', json_object('customer_id', customer), 'amount_minor', amount,
  'currency', iif(amount IS NULL, NULL, 'EUR'), 'customer_id', customer, 'order_id', NULL);

INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms, model,
  input_tokens, output_tokens, cost_microusd, output)
SELECT :run + n, 'intent', 1, 1, 'ok', at, 38.0, 'local', 0, 0, 0,
  json_object('schema_version', 1, 'intent', intent, 'title', intent, 'probability', 0.9,
  'is_out_of_scope', json('false')) FROM past
UNION ALL SELECT :run + n, 'retrieval', 1, 1, 'ok', at, 21.0, 'local', 0, 0, 0,
  '{"schema_version":1,"query":"","passages":[],"signals":{}}' FROM past
UNION ALL SELECT :run + n, 'tool_call', 1, 1, 'ok', at, 96.0, 'local', 0, 0, 0,
  '{"schema_version":1,"calls":[],"facts":{},"signals":{}}' FROM past
UNION ALL SELECT :run + n, 'synthesis', 1, 1, 'ok', at, 44.0, 'local', 0, 0, 0,
  json_object('schema_version', 1, 'reply', 'Soon.', 'action', json(action),
  'critique', json('{"agrees":true}'), 'confidence', confidence) FROM past
UNION ALL SELECT :run + n, 'gate', 1, 1, 'ok', at, 1.0, NULL, 0, 0, 0,
  json_object('schema_version', 1, 'outcome', outcome, 'reasons', json('[]'),
  'confidence', confidence, 'threshold', 0.85, 'policy_version', :policy,
  'is_audited', json(iif(is_audited, 'true', 'false')), 'inclusion_probability', 1.0) FROM past
UNION ALL SELECT :run + n, 'commit', 1, 1, 'ok', done, 60.0, NULL, 0, 0, 0,
  '{"schema_version":1,"deliveries":[]}' FROM past WHERE is_sent;

INSERT INTO draft (id, run_id, revision, reply, action, digest, gate_input, confidence, author,
  created_at)
SELECT :draft + n, :run + n, 1, 'Soon.', action, key, json_object('action', json(action),
  'confidence', confidence), confidence, 'model:local', at FROM past;

INSERT INTO review (id, run_id, draft_id, revision, payload_digest, policy_version, kind, status,
  is_blocked, title, reasons, confidence, threshold, risk, inclusion_probability, opened_at,
  decided_at, claimed_by)
SELECT :review + n, :run + n, :draft + n, 1, key, :policy,
  iif(is_audited, 'audit', 'escalation'), 'decided', 0, intent, '[]', confidence, 0.85, 500.0,
  iif(is_audited, 0.02, 1.0), at, later, person FROM past WHERE said IS NOT NULL;

INSERT INTO decision (id, review_id, run_id, verdict, person, draft_id, payload_digest,
  policy_version, is_final, reason_code, note, seconds_on_card, decided_at, undo_until,
  is_simulated, signature)
SELECT key, :review + n, :run + n, said, person, :draft + n, key, :policy, 1,
  iif(said = 'reject', 'wrong_facts', NULL), '', seconds, later, later, 1, ''
FROM past WHERE said IS NOT NULL;

INSERT INTO label (run_id, draft_id, decision_id, step, is_right, source, inclusion_probability,
  is_simulated, labelled_at)
SELECT :run + n, :draft + n, key, step.column1, said IN ('approve', 'right'),
  iif(is_audited, 'audit', 'decision'), iif(is_audited, 0.02, 1.0), 1, later
FROM past CROSS JOIN (VALUES (NULL), ('intent'), ('synthesis')) step WHERE said IS NOT NULL;

INSERT INTO outbox (id, run_id, draft_id, decision_id, position, kind, tool, body, amount_minor,
  currency, customer_id, status, not_before, created_at, attempt, in_doubt, sent_at)
SELECT key || '-0', :run + n, :draft + n, iif(verdict IS NULL, NULL, key), 0, kind, tool, '{}',
  amount, iif(amount IS NULL, NULL, 'EUR'), customer, 'sent', later, later, 1, 0, done
FROM past WHERE is_sent AND tool IS NOT NULL
UNION ALL SELECT key || '-1', :run + n, :draft + n, iif(verdict IS NULL, NULL, key), 1, 'reply',
  'send_reply', '{}', NULL, NULL, customer, 'sent', later, later, 1, 0, done
FROM past WHERE is_sent;

INSERT INTO receipt (action_id, body, received_at)
SELECT key || '-1', '{}', done FROM past WHERE is_sent
UNION ALL SELECT key || '-0', '{}', done FROM past WHERE is_sent AND tool IS NOT NULL;
