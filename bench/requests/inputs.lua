-- One row of eight numbers, by name. The key comes in the environment.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local secret = os.getenv("BENCH_SECRET")
if secret then
  wrk.headers["Authorization"] = "Bearer " .. secret
end

local rows = tonumber(os.getenv("BENCH_ROWS") or "1")
local row = '{"x0":0.1,"x1":0.2,"x2":-0.3,"x3":0.4,"x4":1.5,"x5":-1.6,"x6":0.7,"x7":0.8}'
if rows == 1 then
  wrk.body = '{"inputs":' .. row .. "}"
else
  wrk.body = '{"inputs":[' .. string.rep(row, rows, ",") .. "]}"
end
