-- One replica tells what it spent and holds of some windows, and gets what it needs: see docs/decisions/017.
-- Everything told is absolute, so a word that is repeated, or whose answer was lost, counts once.
--
-- KEYS  life, live, mine, then for each window its hash and its expiries
-- ARGV  replica, incarnation, number of this word, channel, beat, lease, grace, gap (all ms), count of windows,
--       then for each window: id, limit, keep (ms), spent, since, held, idle, want, unit, count of holds, holds …
-- gives 1 (0: overtaken by a later word), epoch, ms of calm left, live replicas, version of the revocations, and for each
--       window: granted, a bit for each hold …
local function whole(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local life, live, mine = KEYS[1], KEYS[2], KEYS[3]
local me, incarnation, word, channel = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local beat, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local grace, gap = tonumber(ARGV[7]), tonumber(ARGV[8])

local last = redis.call('HGET', life, 'q:' .. me)
if last then
  local known, latest = string.match(last, '^(%d+)/(%d+)$')
  known, latest = tonumber(known), tonumber(latest)
  if incarnation < known then return {-1, '', 0, 0, 0, {}} end
  if incarnation == known and word <= latest then return {0, '', 0, 0, 0, {}} end
end

-- After a silence of everybody (a server that is new, was wiped, stood still or failed over) nothing is granted and
-- nothing reclaimed until whoever lives has told again what it holds.
local state = redis.call('HMGET', life, 'epoch', 'pulse', 'calm', 'revoked')
local epoch, pulse, calm = state[1], tonumber(state[2] or '0'), tonumber(state[3] or '0')
if not epoch then
  epoch = whole(now) .. '-' .. me
  calm = now + grace
elseif math.abs(now - pulse) > gap then
  calm = now + grace
end
redis.call('HSET', life, 'epoch', epoch, 'pulse', whole(now), 'calm', whole(calm),
  'q:' .. me, whole(incarnation) .. '/' .. whole(word))
redis.call('ZADD', live, whole(now + beat), me)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', live, '-inf', whole(now - 86400000), 'LIMIT', 0, 4)) do
  redis.call('ZREM', live, gone)
  redis.call('HDEL', life, 'q:' .. gone)
end
local replicas = math.max(1, redis.call('ZCOUNT', live, whole(now), '+inf'))
local is_calm = now < calm

local windows = {}
local key, at = 4, 10
for number = 1, tonumber(ARGV[9]) do
  local hash, expiries = KEYS[key], KEYS[key + 1]
  local id, limit, keep, spent = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local since_start, held, idle = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local want, unit, holds = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9])
  local known = redis.call('HMGET', hash, 'spent', 'leased', 'idle', 'low', 's:' .. me, 'l:' .. me, 'd:' .. me, 'since',
    'limit', 'b:' .. me, 'i:' .. me)
  for field = 1, 11 do known[field] = tonumber(known[field] or '0') end
  local total, leased, spare, low, since = known[1], known[2], known[3], known[4], known[8]

  -- Whoever returns to what an earlier process left there does not know how much there is.
  if limit == 0 then limit = known[9] end

  if not is_calm then
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', whole(now), 'LIMIT', 0, 8)) do
      if gone ~= me then
        local theirs = redis.call('HMGET', hash, 'l:' .. gone, 'd:' .. gone)
        leased = leased - tonumber(theirs[1] or '0')
        spare = spare - tonumber(theirs[2] or '0')
        redis.call('HDEL', hash, 'l:' .. gone, 'd:' .. gone)
        redis.call('ZREM', expiries, gone)
      end
    end
  end

  -- Less than nothing spent: not known, what was told before stays.
  if spent < 0 then spent = known[5] end
  -- A replica that has just started and whose ledger does not go back far enough takes over what it had told before it
  -- started, and what it spent since comes on top. It may say so several times before it hears the answer.
  if since_start >= 0 then
    local before = known[5]
    if known[11] == incarnation then before = known[10] end
    before = math.max(spent - since_start, before)
    redis.call('HSET', hash, 'b:' .. me, whole(before), 'i:' .. me, whole(incarnation))
    spent = before + since_start
  end
  total = total - known[5] + spent
  leased = leased - known[6] + held + idle
  spare = spare - known[7] + idle
  local free = limit - total - leased

  local window = {0, 0, 0, 0, 0, 0, 0, spent}
  -- What it holds ahead is used first.
  local pool, granted, lacking = idle, 0, nil
  for hold = 1, holds do
    local need = tonumber(ARGV[at + 9 + hold])
    local more = math.max(0, need - pool)
    if more == 0 or (not is_calm and more <= free) then
      pool = pool - need + more
      free = free - more
      granted = granted + more
      window[8 + hold] = 1
    else
      if not lacking or need < lacking then lacking = need end
      window[8 + hold] = 0
    end
  end
  local hint, ahead = 0, 0
  local others = leased - held - idle
  if lacking and is_calm then
    hint = 2
  elseif lacking and free + pool + others >= lacking then
    -- The others are asked to tell at once what they hold ahead, and to give it back. When they have had the time to,
    -- what they have told is how it is.
    if low <= now then since = now end
    if now - since < 25 or free + pool + spare - idle >= lacking then hint = 1 end
    if low < now + 1900 then redis.call('PUBLISH', channel, 'recall ' .. id) end
    low = now + 2000
  elseif not lacking and not is_calm and low <= now then
    ahead = math.min(want, math.floor(free / (2 * replicas)))
    if ahead < unit or ahead < 1 then ahead = 0 end
    free = free - ahead
  end
  local share = held + idle + granted + ahead
  leased = leased + granted + ahead
  spare = spare - idle + pool + ahead

  redis.call('HSET', hash, 'limit', whole(limit), 'spent', whole(total), 'leased', whole(leased), 'idle', whole(spare),
    'low', whole(low), 'since', whole(since), 's:' .. me, whole(spent))
  if share > 0 then
    redis.call('HSET', hash, 'l:' .. me, whole(share), 'd:' .. me, whole(pool + ahead))
    redis.call('ZADD', expiries, whole(now + lease), me)
    redis.call('SADD', mine, id)
  else
    redis.call('HDEL', hash, 'l:' .. me, 'd:' .. me)
    redis.call('ZREM', expiries, me)
    redis.call('SREM', mine, id)
  end
  if keep > 0 then
    redis.call('PEXPIRE', hash, whole(keep))
    redis.call('PEXPIRE', expiries, whole(keep))
  end
  window[1], window[2], window[3], window[4], window[5] = granted, ahead, free, total, leased
  window[6] = hint
  window[7] = (low > now) and 1 or 0
  windows[number] = window
  key, at = key + 2, at + 10 + holds
end

return {1, epoch, math.max(0, calm - now), replicas, tonumber(state[4] or '0'), windows}
