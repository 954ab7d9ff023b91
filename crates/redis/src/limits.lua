-- Decides about one limit of one subject. KEYS[1] is a hash: `units` and `parts` are what is owed, `at` when that was
-- so, in microseconds, `window` of how many parts a unit is, `last` the last lease, and each `lease:<id>` is how much it
-- is and until when.
--
-- Every number stays whole and below 2^53, where doubles are exact: products are made of halves, and remainders are taken
-- with fmod, which does not round.
local key = KEYS[1]
local window, quota, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost, surplus = tonumber(ARGV[4]), tonumber(ARGV[5])
local lease, held, used = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local kept = tonumber(ARGV[9])
local LONGEST, MOST = 2 ^ 37 - 1, 2 ^ 52

local function text(number)
  return string.format('%.0f', number)
end

local function divide(number, by)
  local rest = math.fmod(number, by)
  return (number - rest) / by, rest
end

-- How much time pays: whole units, and parts of one.
local function payment(elapsed)
  local high = math.floor(quota / 65536)
  local units, rest = divide(elapsed * high, window)
  local more, parts = divide(rest * 65536, window)
  local low, others = divide(elapsed * (quota - high * 65536), window)
  local carried
  carried, parts = divide(parts + others, window)
  return units * 65536 + more + low + carried, parts
end

local state, leases = {}, {}
local fields = redis.call('HGETALL', key)
for index = 1, #fields, 2 do
  local id = string.match(fields[index], '^lease:(%d+)$')
  if id then
    local units, until_ = string.match(fields[index + 1], '^(%d+) (%d+)$')
    leases[id] = { units = tonumber(units), ends = tonumber(until_) }
  else
    state[fields[index]] = tonumber(fields[index + 1])
  end
end

local time = redis.call('TIME')
local now = math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), state.at or 0)
local units, parts = state.units or 0, state.parts or 0
if parts > 0 and state.window ~= window then
  units, parts = units + 1, 0
end

local paid, paid_parts = payment(math.min(now - (state.at or now), LONGEST))
units, parts = units - paid, parts - paid_parts
if parts < 0 then
  units, parts = units - 1, parts + window
end
if units < 0 then
  units, parts = 0, 0
end

-- Who is gone has used its lease.
for id, other in pairs(leases) do
  if other.ends <= now then
    units = units + other.units
    redis.call('HDEL', key, 'lease:' .. id)
    leases[id] = nil
  end
end
if leases[lease] then
  redis.call('HDEL', key, 'lease:' .. lease)
  leases[lease] = nil
elseif lease ~= '0' and used > 0 then
  used = math.max(used - held, 0)
end
units = units + used
if units < 0 then
  units, parts = 0, 0
end
units = math.min(units, MOST)

local leased = 0
for _, other in pairs(leases) do
  leased = leased + other.units
end
local free = burst - units - leased
if parts > 0 then
  free = free - 1
end
local taken, granted, id = 0, 0, 0
if cost == 0 or cost <= free then
  taken = 1
  units, free = units + cost, free - cost
  granted = math.max(math.min(surplus, free), 0)
end
if granted > 0 then
  id = math.max(now, (state.last or 0) + 1)
  state.last = id
  redis.call('HSET', key, 'lease:' .. text(id), text(granted) .. ' ' .. text(now + kept))
end

local owed = units + leased
redis.call('HSET', key, 'units', text(units), 'parts', text(parts), 'at', text(now), 'window', text(window),
  'last', text(state.last or 0))
-- Forgotten when nothing is owed any more.
local idle = math.ceil(((owed + granted + 1) * window / quota + kept) / 1000) + 1
redis.call('PEXPIRE', key, text(math.min(idle, 2 ^ 40)))
return { taken, granted, id, owed, parts, now }
