-- The arithmetic of window.py, atomically, for many addresses and all quotas of one policy.
-- ARGV[1]: slices a window; [2]: slices to look back; [3]: number of quotas; then limit and window (ms) of each quota;
-- then of each address: wanted; the least worth having; and owed, admitted elsewhere and counted now in any case.
-- KEYS: for each address one hash a quota: slice number -> requests.
-- Answer, for each address: admitted, retry ms, and used, reset ms of each quota.
local slices, lookback, quotas = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {}

local function add(key, width, requests)
  redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / width)), requests)
  redis.call('PEXPIRE', key, math.ceil(width * (lookback + 1)))
end

local function read(key, width)
  local used, oldest, stale = 0, nil, {}
  local first = math.floor(now / width) - lookback
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local slice = tonumber(fields[i])
    if slice < first then
      stale[#stale + 1] = fields[i]
    else
      used = used + tonumber(fields[i + 1])
      if oldest == nil or slice < oldest then oldest = slice end
    end
  end
  if #stale > 0 then redis.call('HDEL', key, unpack(stale)) end
  return used, oldest
end

for address = 0, #KEYS / quotas - 1 do
  local first = 3 + quotas * 2 + address * 3
  local wanted, least, owed = tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
  local room, retry = wanted, 0
  local used, oldest, width = {}, {}, {}
  for q = 1, quotas do
    local key = KEYS[address * quotas + q]
    local limit, window = tonumber(ARGV[2 + q * 2]), tonumber(ARGV[3 + q * 2])
    width[q] = window / slices
    if owed > 0 then add(key, width[q], owed) end
    used[q], oldest[q] = read(key, width[q])
    room = math.min(room, limit - used[q])
    if limit - used[q] < least then retry = math.max(retry, (oldest[q] + lookback + 1) * width[q] - now) end
  end
  local admitted = room >= least and room or 0
  answer[#answer + 1] = admitted
  answer[#answer + 1] = math.ceil(admitted > 0 and 0 or retry)
  for q = 1, quotas do
    local present = math.floor(now / width[q])
    if admitted > 0 then
      add(KEYS[address * quotas + q], width[q], admitted)
      used[q] = used[q] + admitted
      oldest[q] = oldest[q] or present
    end
    answer[#answer + 1] = used[q]
    answer[#answer + 1] = oldest[q] and math.ceil((oldest[q] + lookback + 1) * width[q] - now) or 0
  end
end
return answer
