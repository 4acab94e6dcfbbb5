-- The same row as a list, for servers whose example code takes one.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"features":[0.1,0.2,-0.3,0.4,1.5,-1.6,0.7,0.8]}'
