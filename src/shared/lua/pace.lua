-- Takes from some rates, or gives back: GCRA, one number (the theoretical arrival time, in µs) for each.
--
-- KEYS  one for each rate
-- ARGV  for each rate: least, want, units in a period, period (µs). What is taken is between least and want, or nothing;
--       a negative want gives back, a least of 0 takes all of want whether there is room or not (tokens that were used).
-- gives for each rate: taken, units left, µs until least would fit
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local rates = {}
for number, key in ipairs(KEYS) do
  local at = (number - 1) * 4
  local least, want = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local units, period = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local each = period / units
  -- A clock that was set back must not close the rate for longer than a period.
  local due = math.min(math.max(tonumber(redis.call('GET', key) or '0'), now), now + 2 * period)
  local room = now + period - due
  local taken, wait = 0, 0
  if want < 0 or least == 0 then
    taken = want
  else
    taken = math.min(want, math.floor(room / each + 0.000001))
    if taken < least then
      taken = 0
      wait = math.ceil(least * each - room)
    end
  end
  due = math.max(now, due + taken * each)
  if taken ~= 0 then
    redis.call('SET', key, string.format('%.0f', due), 'PX', string.format('%.0f', math.ceil((due - now) / 1000) + 1000))
  end
  rates[number] = {taken, math.max(0, math.floor((now + period - due) / each + 0.000001)), wait}
end
return rates
