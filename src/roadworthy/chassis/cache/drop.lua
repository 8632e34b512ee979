-- Gives tags new versions, once for each change however many processes tell of it. A tag without a version needs none:
-- whoever looks for something under it will give it a new one.
-- KEYS[1]: the mark of the change; then tags. ARGV: [1] a text never given before; [2] life of a version (ms);
-- [3] life of the mark (ms).
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3]) then
  for n = 2, #KEYS do redis.call('SET', KEYS[n], ARGV[1] .. n, 'XX', 'PX', ARGV[2]) end
end
