-- One day of synthetic traffic: {day}. The table is made, filled and attached in one transaction.
BEGIN;
CREATE TABLE entries_{suffix} (LIKE entries);
CREATE TABLE attempts_{suffix} (LIKE attempts);

WITH drawn AS (
    SELECT i,
           floor(random() * 300)::int AS person,
           floor(random() * 100)::int AS percent,
           floor(random() * 3)::int AS branch,
           CASE WHEN random() < 0.85 THEN 7 * 3600000 + random() * 11 * 3600000 ELSE random() * 86399000 END AS millis,
           exp(13 + 3.2 * (random() + random() + random() - 1))::bigint AS micros,
           floor(random() * 6000)::bigint AS tokens
    FROM generate_series(1, {entries}) AS i
    OFFSET 0
), dressed AS (
    SELECT *, (extract(epoch FROM DATE '{day}') * 1000 + millis)::bigint AS at_millis,
           CASE WHEN percent < 55 THEN 0 WHEN percent < 75 THEN 1 WHEN percent < 88 THEN 2 WHEN percent < 95 THEN 3 ELSE 4 END AS rule,
           extract(week FROM DATE '{day}')::int AS week
    FROM drawn
)
INSERT INTO entries_{suffix} (day, id, replica, seq, at_millis, door, dialect, key, engineer, team, feature, branch,
    pull_request, app, requested_model, rule, tier, endpoint, model, tags, risk, kind, content, tokens_low, tokens_expected,
    tokens_high, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, image,
    usage_source, service_tier, price_version, cost_pico, baseline_pico, reserved_pico, provider_cost_pico, status, ending,
    streamed, attempts, total_us, first_byte_us, overhead_us, request_bytes, response_bytes, rules_version, facts, decision)
SELECT DATE '{day}', gen_random_uuid(), 'replica-' || (i % 3), i, at_millis, '/v1/chat/completions', 'openai-chat',
       'key-' || person, 'engineer-' || person, 'team-' || (person % 30), 'feature-' || (person % 30 * 3 + person / 30 % 3),
       'work/' || person || '-' || week || '-' || branch,
       CASE WHEN branch = 0 THEN 'shop#' || (week * 1000 + person) END,
       (ARRAY['codex', 'claude-code', 'cursor'])[1 + person % 3], 'auto', 'rule-' || rule,
       CASE WHEN rule IN (1, 3) THEN 'large' ELSE 'cheap' END, 'endpoint-' || (rule + percent % 2), 'model-' || (rule + percent % 2),
       'money', 'medium', 'bugfix', '', tokens, tokens + 100, tokens + 200, tokens, tokens * 3, 0, 0, tokens / 4, tokens / 9, 0,
       0, 0, 'provider', 'default', 'genai-prices 0.2.1',
       CASE WHEN percent = 99 THEN NULL ELSE tokens * 2500000 END, tokens * 9000000, tokens * 5000000,
       CASE WHEN percent % 10 = 0 THEN tokens * 2500001 END, 200, 'complete', true, 1, micros, micros / 4, 180, 8192, 2048,
       '0123456789ab', json_build_object('text', repeat(md5(i::text), 12)), json_build_object('tier', 'cheap', 'why', repeat(md5(i::text), 6))
FROM dressed ORDER BY at_millis;

INSERT INTO attempts_{suffix}
SELECT day, id, 1, endpoint, tier, model, 200, total_us, status, 'ok', 'req_' || left(id::text, 18) FROM entries_{suffix};

ALTER TABLE entries ATTACH PARTITION entries_{suffix} FOR VALUES FROM ('{day}') TO ('{next}');
ALTER TABLE attempts ATTACH PARTITION attempts_{suffix} FOR VALUES FROM ('{day}') TO ('{next}');

-- A number of the durations' buckets: seven bits a byte, the lowest first.
CREATE OR REPLACE FUNCTION pg_temp.seven_bits(n bigint) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN n < 128 THEN set_byte('\x00', 0, n::int)
                ELSE set_byte(set_byte('\x0000', 0, (n % 128)::int | 128), 1, (n / 128)::int) END
$$;

CREATE TEMP TABLE parts ON COMMIT DROP AS
SELECT at_millis - at_millis % 3600000 AS start, replica, key, engineer, team, feature, branch, pull_request, app, rule, tier, endpoint,
       model, CASE WHEN tier = 'cheap' THEN 'no' ELSE 'yes' END AS escalated,
       ((floor(ln(total_us) / ln(2) + 1e-9)::bigint - 3) << 4) + ((total_us >> (floor(ln(total_us) / ln(2) + 1e-9)::int - 4)) & 15) AS bucket,
       count(*) AS requests, count(*) - count(cost_pico) AS unpriced, count(cost_pico) AS priced,
       count(provider_cost_pico + cost_pico) AS compared,
       sum(input + cache_read) AS tokens_in, sum(cache_read) AS tokens_cached, sum(output + reasoning) AS tokens_out,
       sum(reasoning) AS tokens_reasoning, coalesce(sum(cost_pico), 0) AS cost, sum(baseline_pico) AS baseline,
       coalesce(sum(baseline_pico - cost_pico), 0) AS savings, sum(reserved_pico) AS reserved,
       coalesce(sum(provider_cost_pico) FILTER (WHERE cost_pico IS NOT NULL), 0) AS told,
       coalesce(sum(cost_pico) FILTER (WHERE provider_cost_pico IS NOT NULL), 0) AS ours
FROM entries_{suffix} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15;

INSERT INTO rollup_hours
SELECT start, decode(md5(row(replica, key, feature, branch, pull_request, app, rule, tier, endpoint)::text), 'hex'), replica, key,
       engineer, team, feature, branch, pull_request, app, rule, tier, endpoint, model, escalated, sum(requests), 0, 0,
       sum(requests), sum(unpriced), 0, sum(priced), sum(requests), sum(priced), sum(requests), sum(compared), sum(tokens_in),
       sum(tokens_cached), 0, sum(tokens_out), sum(tokens_reasoning), sum(cost), sum(baseline), sum(savings), sum(reserved),
       sum(told), sum(ours), string_agg(pg_temp.seven_bits(bucket) || pg_temp.seven_bits(requests), '')
FROM parts GROUP BY start, replica, key, engineer, team, feature, branch, pull_request, app, rule, tier, endpoint, model, escalated
ORDER BY start;

INSERT INTO rollup_days
SELECT start, decode(md5(row(key, feature, branch, pull_request, app, rule, tier, endpoint)::text), 'hex'), key,
       engineer, team, feature, branch, pull_request, app, rule, tier, endpoint, model, escalated, sum(requests), 0, 0,
       sum(requests), sum(unpriced), 0, sum(priced), sum(requests), sum(priced), sum(requests), sum(compared), sum(tokens_in),
       sum(tokens_cached), 0, sum(tokens_out), sum(tokens_reasoning), sum(cost), sum(baseline), sum(savings), sum(reserved),
       sum(told), sum(ours), string_agg(pg_temp.seven_bits(bucket) || pg_temp.seven_bits(requests), '')
FROM (SELECT start - start % 86400000 AS start, key, engineer, team, feature, branch, pull_request, app, rule, tier, endpoint, model,
             escalated, bucket, sum(requests)::bigint AS requests, sum(unpriced) AS unpriced, sum(priced) AS priced,
             sum(compared) AS compared, sum(tokens_in) AS tokens_in, sum(tokens_cached) AS tokens_cached,
             sum(tokens_out) AS tokens_out, sum(tokens_reasoning) AS tokens_reasoning, sum(cost) AS cost,
             sum(baseline) AS baseline, sum(savings) AS savings, sum(reserved) AS reserved, sum(told) AS told, sum(ours) AS ours
      FROM parts GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14) AS p
GROUP BY start, key, engineer, team, feature, branch, pull_request, app, rule, tier, endpoint, model, escalated;
COMMIT;
