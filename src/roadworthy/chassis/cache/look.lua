-- What is kept, or leave to load it.
-- A value counts only while the versions of all its tags are those that it was loaded under: dropping a tag is giving
-- it another version. A tag without a version (new, expired, evicted) gets a new one, so nothing old ever matches.
-- KEYS[1]: the tag of everything; then for each item: value, lock, tags.
-- ARGV: [1] lease (ms); [2] life of a version (ms); [3] a text never given before; then for each item: number of tags.
-- Answer, for each: the value; or the versions to load it under, a list of one, and the lock is held as ARGV[3];
-- or 0: somebody else is loading it.
local lease, life, nonce = ARGV[1], ARGV[2], ARGV[3]
local made = 0

local function version(key)
  local found = redis.call('GET', key)
  if not found then
    made = made + 1
    found = nonce .. made
    redis.call('SET', key, found, 'PX', life)
  end
  return found
end

local everything = version(KEYS[1])
local answer, at = {}, 2
for item = 4, #ARGV do
  local value, lock, tags = KEYS[at], KEYS[at + 1], tonumber(ARGV[item])
  local versions = everything
  for n = at + 2, at + 1 + tags do versions = versions .. ' ' .. version(KEYS[n]) end
  local kept = redis.pcall('GET', value)
  if type(kept) == 'string' and string.sub(kept, 1, #versions + 1) == versions .. '\n' then
    answer[#answer + 1] = string.sub(kept, #versions + 2)
  elseif redis.call('SET', lock, nonce, 'NX', 'PX', lease) then
    answer[#answer + 1] = {versions}
  else
    answer[#answer + 1] = 0
  end
  at = at + 2 + tags
end
return answer
