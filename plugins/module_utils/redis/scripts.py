# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside Redis: Lua that reads many keys in one call, a few milliseconds each, and never writes."""

from __future__ import annotations

EXPIRY = """
local absolute, offset = ARGV[3] == '1', 0
if not absolute then
  local now = redis.call('TIME')
  offset = now[1] * 1000 + math.floor(now[2] / 1000)
end
local function expiry(key)
  if absolute then return redis.call('PEXPIRETIME', key) end
  local left = redis.call('PTTL', key)
  if left < 0 then return left end
  return left + offset
end
"""
"""Of Redis before 7.0, which tells what is left and not when it ends. ARGV[3] says whether the server knows better."""

DUMPS = EXPIRY + """
local page = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local room, largest = tonumber(ARGV[4]), tonumber(ARGV[5])
local out = {page[1]}
for _, key in ipairs(page[2]) do
  local dump = ''
  local size = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '5')
  if size and size <= largest and room > 0 then
    dump = redis.call('DUMP', key)
    if dump then room = room - #dump end
  end
  if size and dump then
    local n = #out
    out[n + 1], out[n + 2], out[n + 3] = key, expiry(key), dump
  end
end
return out
"""
"""A page of keys, each with expiry (ms since 1970, -1 never) and serialised value; empty where it is too large for one go.
ARGV: cursor, count, knows expiry, room in bytes, largest value in bytes."""

VALUES = EXPIRY + """
local page = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local room, largest, fields = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local read = {
  string = function(key) return {redis.call('GET', key)} end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  hash = function(key) return redis.call('HGETALL', key) end,
}
local out = {page[1]}
for _, key in ipairs(page[2]) do
  local kind = redis.call('TYPE', key).ok
  local size = kind ~= 'none' and redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '5')
  if size then
    local value = false
    if size <= largest and room > 0 and read[kind] and not (fields and kind == 'hash') then
      value = read[kind](key)
      room = room - size
    end
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 4] = key, kind, expiry(key), value
  end
end
return out
"""
"""The same, type by type: key, type, expiry, members; no members where the key must be read piece by piece."""

CENSUS = """
local page = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local counts, out = {}, {page[1]}
for _, key in ipairs(page[2]) do
  local kind = redis.call('TYPE', key).ok
  counts[kind] = (counts[kind] or 0) + 1
end
for kind, count in pairs(counts) do
  out[#out + 1], out[#out + 2] = kind, count
end
return out
"""
"""How many keys of each type are in a page."""

_LARGE = """
local call, pack, sub = redis.call, cmsgpack.pack, string.sub
local absolute, expiring, scores = ARGV[3] == '1', ARGV[4] == '1', ARGV[5] == '1'
local quantum, offset = tonumber(ARGV[7]), 0
if expiring and not absolute then
  local now = call('TIME')
  offset = now[1] * 1000 + math.floor(now[2] / 1000)
end
local function ends(key)
  if not expiring then return -1 end
  local at = absolute and call('PEXPIRETIME', key) or call('PTTL', key)
  if at < 0 then return at end
  return math.floor((at + offset) / quantum)
end
local function ranged(kind, key, at, count)
  local final = string.format('%.0f', at + count - 1)
  if kind == 'string' then
    local value = call('GETRANGE', key, at, final)
    if at == '0' and sub(value, 1, 4) == 'HYLL' then value = sub(value, 1, 8) .. sub(value, 17) end
    return redis.sha1hex(value)
  end
  if kind == 'list' then return redis.sha1hex(pack(call('LRANGE', key, at, final))) end
  local members = call('ZRANGE', key, at, final, 'WITHSCORES')
  if scores then
    for i = 2, #members, 2 do members[i] = string.format('%.17g', tonumber(members[i])) end
  end
  return redis.sha1hex(pack(members))
end
"""
"""What both sides of a comparison read of a large value. ARGV: cursor, count, tells when a key ends, keys have an expiry,
scores are worded anew, fields expire, quantum of expiry in ms, room in bytes. The cached count in the head of a HyperLogLog is
left out: reading it changes it."""

LARGE_LISTED = _LARGE + """
local key, at, room = KEYS[1], ARGV[1], tonumber(ARGV[8])
local kind = call('TYPE', key).ok
local sizes = {string = 'STRLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = ARGV[6] ~= '1' and 'HLEN' or nil}
if not sizes[kind] then return {kind} end
local size = call(sizes[kind], key)
local count = math.max(1, math.min(500, math.floor(room * size / (call('MEMORY', 'USAGE', key) or 1))))
local after, piece = '', nil
if kind == 'set' or kind == 'hash' then
  local page = call(kind == 'set' and 'SSCAN' or 'HSCAN', key, at, 'COUNT', count)
  if page[1] ~= '0' then after = page[1] end
  piece = pack(page[2])
else
  if kind == 'string' then count = room end
  if tonumber(at) + count < size then after = string.format('%.0f', tonumber(at) + count) end
  piece = ranged(kind, key, at, count)
end
return {kind, size, ends(key), after, count, at, piece}
"""
"""A piece of a large value: kind, size, expiry, where the next piece begins, how much is in this one, where it begins, and its
digest; of sets and hashes the members themselves. Only the kind, where it can't be done."""

LARGE_CHECKED = _LARGE + """
local key, kind = KEYS[1], ARGV[9]
local sizes = {string = 'STRLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = 'HLEN'}
if call('TYPE', key).ok ~= kind then return {-1} end
local same = 1
if kind == 'set' or kind == 'hash' then
  local flat, width = cmsgpack.unpack(ARGV[10]), kind == 'set' and 1 or 2
  for first = 1, #flat, 1000 do
    local final = math.min(first + 999, #flat)
    if kind == 'set' then
      for _, there in ipairs(call('SMISMEMBER', key, unpack(flat, first, final))) do same = math.min(same, there) end
    else
      local names = {}
      for i = first, final, 2 do names[#names + 1] = flat[i] end
      for i, value in ipairs(call('HMGET', key, unpack(names))) do
        if value ~= flat[first + 2 * i - 1] then same = 0 end
      end
    end
  end
elseif ranged(kind, key, ARGV[1], tonumber(ARGV[2])) ~= ARGV[10] then
  same = 0
end
return {call(sizes[kind], key), ends(key), same}
"""
"""How large the same value is here, its expiry, and 1 where the piece in ARGV[10] is here as well."""
