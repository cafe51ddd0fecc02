-- After the server lost its memory: what one replica knows of the others, where those have not told it themselves.
--
-- KEYS  life, then for each window its hash and its expiries
-- ARGV  lease (ms), count of windows, then for each window: keep (ms), count of replicas, and of each: its name, what it
--       spent, what it holds
local function whole(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Later its own word, or that there is none, counts.
if now >= tonumber(redis.call('HGET', KEYS[1], 'calm') or '0') then return 0 end

local lease = tonumber(ARGV[1])
local key, at = 2, 3
for _ = 1, tonumber(ARGV[2]) do
  local hash, expiries = KEYS[key], KEYS[key + 1]
  local keep, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, count do
    local replica, spent, held = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    if redis.call('HSETNX', hash, 's:' .. replica, whole(spent)) == 1 then
      redis.call('HINCRBY', hash, 'spent', whole(spent))
      if held > 0 then
        redis.call('HSET', hash, 'l:' .. replica, whole(held))
        redis.call('HINCRBY', hash, 'leased', whole(held))
        redis.call('ZADD', expiries, whole(now + lease), replica)
      end
    end
    at = at + 3
  end
  if keep > 0 then
    redis.call('PEXPIRE', hash, whole(keep))
    redis.call('PEXPIRE', expiries, whole(keep))
  end
  key = key + 2
end
return 1
