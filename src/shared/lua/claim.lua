-- Who tells the usage of an answer that was made in the background: the replica that asks first, as long as it asks.
--
-- KEYS  what is known of the answer, who tells
-- ARGV  replica, for how long (ms)
-- gives 1 if it is this replica, 0 if it is another or the usage was told
local known = redis.call('GET', KEYS[1])
if known and string.sub(known, -5) ~= '\topen' then return 0 end
local teller = redis.call('GET', KEYS[2])
if teller and teller ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
