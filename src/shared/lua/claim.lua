-- Who tells the usage of an answer that was made in the background: the replica that first has it in hand. Asked again,
-- the same replica is told the same, for its own ledger knows whether it has told it already.
--
-- KEYS  what is known of the answer, who tells
-- ARGV  replica, for how long this is known (ms)
-- gives 1 if it is this replica, 0 if it is another or the usage was told
local teller = redis.call('GET', KEYS[2])
if teller then return teller == ARGV[1] and 1 or 0 end
local known = redis.call('GET', KEYS[1])
if known and string.sub(known, -5) ~= '\topen' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
