-- Leaves what was loaded, if the lock is still the loader's, and gives the lock up.
-- KEYS[1]: the tag of everything; then for each item: value, lock, tags.
-- ARGV, for each item: number of tags, token of the lock, versions that it was loaded under, life (ms), value or ''.
local at = 2
for item = 1, #ARGV, 5 do
  local value, lock, tags = KEYS[at], KEYS[at + 1], tonumber(ARGV[item])
  local data = ARGV[item + 4]
  if redis.call('GET', lock) == ARGV[item + 1] then
    redis.call('DEL', lock)
    local versions = redis.call('GET', KEYS[1]) or ''
    for n = at + 2, at + 1 + tags do versions = versions .. ' ' .. (redis.call('GET', KEYS[n]) or '') end
    if data ~= '' and versions == ARGV[item + 2] then
      redis.call('SET', value, versions .. '\n' .. data, 'PX', ARGV[item + 3])
    end
  end
  at = at + 2 + tags
end
