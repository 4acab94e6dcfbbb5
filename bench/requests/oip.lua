-- The same row as a tensor of the Open Inference Protocol.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"inputs":[{"name":"x","shape":[1,8],"datatype":"FP64","data":[0.1,0.2,-0.3,0.4,1.5,-1.6,0.7,0.8]}]}'
