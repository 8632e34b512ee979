-- Prolongs locks that are still the loader's. KEYS: locks. ARGV: [1] lease (ms); then the token of each.
for n = 1, #KEYS do
  if redis.call('GET', KEYS[n]) == ARGV[n + 1] then redis.call('PEXPIRE', KEYS[n], ARGV[1]) end
end
