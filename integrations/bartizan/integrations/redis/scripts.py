"""What runs inside the server: one script for a commit, one for a load, each a single step to everybody else.

A session is a hash (its version, its body, how many events fell out of its history, a random
stamp of its last commit: versions may come again where a server lost what it held) and a hash of events by number. The
names of both hold one hash tag, so that a cluster keeps them on one node. Works on Redis 6.2 and later, and on Valkey.
"""

from __future__ import annotations

COMMIT = """
local version = redis.call('HGET', KEYS[1], 'version')
if (version or '0') ~= ARGV[1] then
    return version or '0'
end
local dropped = tonumber(redis.call('HGET', KEYS[1], 'dropped') or '0')
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3], 'dropped', ARGV[4], 'id', ARGV[5], 'stamp', ARGV[7])
for at = 8, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
end
for number = dropped, tonumber(ARGV[4]) - 1 do
    redis.call('HDEL', KEYS[2], number)
end
if ARGV[6] ~= '0' then
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
    redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return ''
"""
"""KEYS: the session, its events. ARGV: version expected, version, body, dropped, id, milliseconds to live (0: for
ever), a stamp of this commit, then the number and the body of each event. Answers the version that is stored if it is
another, else an empty text."""

LOAD = """
local version = redis.call('HGET', KEYS[1], 'version')
if not version then
    return {}
end
if redis.call('HGET', KEYS[1], 'stamp') == ARGV[1] then
    return {version}
end
local found = redis.call('HMGET', KEYS[1], 'version', 'body', 'dropped', 'id', 'stamp')
for _, part in ipairs(redis.call('HGETALL', KEYS[2])) do
    found[#found + 1] = part
end
return found
"""
"""KEYS: the session, its events. ARGV: the stamp of the commit that is known. Answers nothing for no session, the
version alone if that commit is the last, else version, body, dropped, id, stamp, then number and body of each event."""
