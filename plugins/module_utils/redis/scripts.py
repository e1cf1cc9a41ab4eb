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
