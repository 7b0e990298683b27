-- What wrk sends: the bodies named on its command line, in turn; and what it reports: one line of JSON at the end.
-- Arguments: the bodies' content type, then their files. Run it with one thread, or the last lines miss the others'.

local clients = {}

function setup(thread)
  table.insert(clients, thread)
end

function init(arguments)
  requests, sent, stages, timed = {}, 0, {}, 0
  for index = 2, #arguments do
    local file = assert(io.open(arguments[index], "rb"))
    requests[index - 1] = wrk.format("POST", nil, { ["Content-Type"] = arguments[1] }, file:read("*a"))
    file:close()
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function response(status, headers)
  local timing = headers["server-timing"] or headers["Server-Timing"]
  if timing then
    timed = timed + 1
    for stage, milliseconds in timing:gmatch("([%w_-]+);dur=([%d.]+)") do
      stages[stage] = (stages[stage] or 0) + tonumber(milliseconds)
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  local means = {}
  for stage, milliseconds in pairs(clients[1]:get("stages")) do
    table.insert(means, string.format('"%s": %.4f', stage, milliseconds / clients[1]:get("timed")))
  end
  io.write(string.format(
    '\nresult {"requests": %d, "failed": %d, "seconds": %.6f, "received_bytes": %d, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "stages_ms": {%s}}\n',
    summary.requests, failed, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
    table.concat(means, ", ")))
end
