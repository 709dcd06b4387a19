-- wrk: one award per request, each with a key and a source of its own.
-- Arguments: API key, a word unique to this run, number of members.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  secret, run, members = arguments[1], arguments[2], tonumber(arguments[3])
  math.randomseed(os.time() * 100 + number)
  count = 0
end

function request()
  count = count + 1
  local one = string.format("%s-%d-%d", run, number, count)
  local body = string.format(
    '{"member":{"id":"01900000-0000-7000-8000-%012x"},"activity":"review","source_key":"%s","points":100}',
    math.random(members), one)
  return string.format(
    "POST /api/v1/points/awards HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
    .. "Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
    wrk.host, secret, one, #body, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"errors":%d,"mean_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency.mean / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
