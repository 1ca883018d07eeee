/**
 * Sliding windows in one call. KEYS: a list for each hit. ARGV[1]: now in milliseconds, or empty for the server's
 * clock, the only one that all replicas share. ARGV[2]: limit, window, cost and group of each hit, as `100 60000 1 0;`. The
 * hits of a group follow one another, and all of them are counted or none; a group sees what those before it counted. Returns
 * four numbers for each hit: allowed, remaining, retry after, reset. Both are one text: each value of its own costs more.
 *
 * An entry is `time:cost:total`, where total counts all costs since the list was empty, this one included: what is
 * used is the difference of the last and the first, so a hit reads two entries however many there are. Hits of one
 * millisecond share an entry, so a list has at most `limit` of them. Times and totals only grow along a list: an entry
 * that is not among the first is found by halving, since Redis answers nobody while a script walks a long list.
 */
export const windowScript = `
local clock = tonumber(ARGV[1])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function parse(entry)
  local at, cost, total = string.match(entry, '^(%d+):(%d+):(%d+)$')
  return { at = tonumber(at), cost = tonumber(cost), total = tonumber(total) }
end

-- The first entry that holds, and its index; whatever comes after one that holds does too.
local function first_where(key, holds)
  local head = redis.call('LRANGE', key, 0, 15)
  for index, text in ipairs(head) do
    local entry = parse(text)
    if holds(entry) then return entry, index - 1 end
  end
  local low, high = #head, redis.call('LLEN', key) - 1
  local found, at
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local entry = parse(redis.call('LINDEX', key, middle))
    if holds(entry) then
      found, at, high = entry, middle, middle - 1
    else
      low = middle + 1
    end
  end
  return found, at
end

local function read(key, window)
  local state = { now = clock, base = 0, total = 0, used = 0, added = 0, tried = 0, window = window }
  local last = redis.call('LINDEX', key, -1)
  if not last then return state end
  last = parse(last)
  state.now = math.max(clock, last.at)
  if last.at + window <= state.now then
    redis.call('DEL', key)
    return state
  end
  local first = parse(redis.call('LINDEX', key, 0))
  if first.at + window <= state.now then
    local index
    first, index = first_where(key, function(entry) return entry.at + window > state.now end)
    redis.call('LTRIM', key, index, -1)
  end
  state.last = last
  state.base = first.total - first.cost
  state.total = last.total
  state.used = last.total - state.base
  return state
end

local function free_in(key, state, amount)
  local entry = first_where(key, function(entry) return entry.total - state.base >= amount end)
  return entry and entry.at + state.window - state.now or state.window
end

local states, hits = {}, {}

-- The hits from one place to another, which are counted together or not at all.
local function settle(first, last, counted)
  for i = first, last do
    local hit = hits[i]
    if counted then
      hit.state.added = hit.state.added + hit.cost
    else
      hit.remaining = math.max(0, hit.limit - hit.state.used - hit.state.added)
    end
    hit.state.tried = 0
  end
end

local from, i, current, fits = 1, 0, nil, true
for limit, window, cost, group in string.gmatch(ARGV[2], '(%d+) (%d+) (%d+) (%d+);') do
  if current and group ~= current then
    settle(from, i, fits)
    from, fits = i + 1, true
  end
  current, i = group, i + 1
  limit, window, cost = tonumber(limit), tonumber(window), tonumber(cost)
  local key = KEYS[i]
  local state = states[key] or read(key, window)
  states[key] = state
  local weight = math.max(1, cost)
  local used = state.used + state.added + state.tried
  local excess = used + weight - limit
  local hit = { state = state, limit = limit, cost = cost, allowed = excess <= 0, remaining = 0, retry = 0 }
  hits[i] = hit
  if hit.allowed then
    state.tried = state.tried + cost
    hit.remaining = limit - used - cost
  else
    fits = false
    hit.retry = weight > limit and window or free_in(key, state, excess)
  end
end
settle(from, i, fits)

for key, state in pairs(states) do
  if state.added > 0 then
    local cost = state.added
    local shares = state.last and state.last.at == state.now
    if shares then cost = cost + state.last.cost end
    local entry = string.format('%.0f:%.0f:%.0f', state.now, cost, state.total + state.added)
    if shares then redis.call('LSET', key, -1, entry) else redis.call('RPUSH', key, entry) end
    redis.call('PEXPIRE', key, state.window + state.now - clock)
    state.last = { at = state.now }
  end
end

local verdicts = {}
for _, hit in ipairs(hits) do
  local state = hit.state
  table.insert(verdicts, hit.allowed and 1 or 0)
  table.insert(verdicts, hit.remaining)
  table.insert(verdicts, hit.retry)
  table.insert(verdicts, state.last and state.last.at + state.window - state.now or 0)
end
return table.concat(verdicts, ' ')
`;

/** Frees a lock that is held with the token ARGV[1]. */
export const releaseScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`;
