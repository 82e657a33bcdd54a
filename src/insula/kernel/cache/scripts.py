"""What Redis runs: a value is read, claimed and stored together with its generations.

Each tenant has a hash of generations: a number for every tag, counted up when the tag
is dropped, and under ``*`` a random mark for all of it. A value carries the generations
it was worked out under (``*=mark;users=3;`` and a line feed) and is good only while
they are the present ones. A lost hash gets a new mark, which no old value carries.
"""

SAME = """
local function same(stamp)
  for tag, number in string.gmatch(stamp, '([^=;]+)=([^;]*);') do
    if (redis.call('HGET', KEYS[2], tag) or '0') ~= number then return false end
  end
  return true
end
"""
KNOWN = """
local function known()
  local entry = redis.call('GET', KEYS[1])
  if not entry then return false end
  local line = string.find(entry, '\\n', 1, true)
  return same(string.sub(entry, 1, line - 1)) and entry
end
"""
PRESENT = """
local function present(generations)
  if redis.call('HSETNX', generations, '*', ARGV[1]) == 1 then
    redis.call('PEXPIRE', generations, ARGV[2])
  end
  local stamp = ''
  for at = 4, #ARGV do
    local number = redis.call('HGET', generations, ARGV[at]) or '0'
    stamp = stamp .. ARGV[at] .. '=' .. number .. ';'
  end
  return stamp
end
"""
READ = f"""
{SAME}{KNOWN}
return known()
"""
"""KEYS: value, generations. The stamped value, or nil."""

STAMP = f"""
{PRESENT}
return present(KEYS[1])
"""
"""KEYS: generations. ARGV: new mark, ms of the hash, 0, tags. The present stamp."""

CLAIM = f"""
{SAME}{KNOWN}{PRESENT}
local entry = known()
if entry then return {{entry}} end
local stamp = present(KEYS[2])
if redis.call('GET', KEYS[3]) == stamp then return {{false, stamp, 1}} end
redis.call('SET', KEYS[3], stamp, 'PX', ARGV[3])
return {{false, stamp, 0}}
"""
"""KEYS: value, generations, lock. ARGV: new mark, ms of the hash, ms of the lock, tags.
The stamped value; or nil, the stamp for one, and 1 if somebody makes it under this
stamp: who makes it under an older one is not waited for."""

STORE = f"""
{SAME}
if redis.call('GET', KEYS[3]) == ARGV[1] then redis.call('DEL', KEYS[3]) end
if not same(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. '\\n' .. ARGV[2], 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"""
"""KEYS: value, generations, lock. ARGV: stamp, value, its ms, ms of the hash."""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
"""KEYS: lock. ARGV: stamp."""

DROP = """
for at = 3, #ARGV do
  if ARGV[at] == '*' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('HINCRBY', KEYS[1], ARGV[at], 1)
  end
end
redis.call('HSETNX', KEYS[1], '*', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""KEYS: generations. ARGV: new mark, ms of the hash, tags."""

COUNT = """
local number = redis.call('INCR', KEYS[1])
if number == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return number
"""
"""KEYS: counter. ARGV: ms of its window."""
