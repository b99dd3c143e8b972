"""A small server of an exported model, with the gRPC and REST APIs of TF Serving, and faults."""

import json
import re
import threading
import time
from collections import deque
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

MODEL = "tiny"
# Faults that the next requests get instead of an answer, by transport.
GRPC_FAULTS = {
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "internal": grpc.StatusCode.INTERNAL,
    "exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
}
REST_FAULTS = {"unavailable": 503, "internal": 500, "exhausted": 429}


class Model:
    """The model of both servers, and its faults."""

    def __init__(self, served):
        self.served = served
        self.faults = deque()
        self.requests = []  # (signature, rows)
        self.headers = []
        self._lock = threading.Lock()

    def next_fault(self):
        with self._lock:
            return self.faults.popleft() if self.faults else None

    def answer(self, name, signature, inputs, fault):
        """Returns the outputs for a request.

        Raises:
            KeyError: if there is no such model.
            ValueError: if the request is invalid.
        """
        if name != MODEL:
            raise KeyError(f"Servable not found for request: Latest({name})")
        rows = max(np.shape(value)[0] for value in inputs.values() if np.ndim(value))
        self.requests.append((signature, rows))
        if fault == "slow":
            time.sleep(1.5)
        outputs = self.served.call(signature, **inputs)
        if fault == "short":
            outputs = {name: value[:-1] for name, value in outputs.items()}
        if fault == "missing":
            del outputs["score"]
        return outputs


@contextmanager
def grpc_server(model):
    """Yields the address of a gRPC server of a `Model`."""

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            model.headers.append(dict(context.invocation_metadata()))
            fault = model.next_fault()
            if fault in GRPC_FAULTS:
                context.abort(GRPC_FAULTS[fault], f"told to be {fault}")
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            spec = request.model_spec
            try:
                outputs = model.answer(spec.name, spec.signature_name, inputs, fault)
            except KeyError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            answer = predict_pb2.PredictResponse()
            for name, value in outputs.items():
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            if fault == "garbled":
                answer.outputs["score"].ClearField("float_val")
                answer.outputs["score"].tensor_content = b"abc"
            return answer

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            answer = get_model_status_pb2.GetModelStatusResponse()
            answer.model_version_status.add(version=1, state="AVAILABLE")
            return answer

    server = grpc.server(futures.ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextmanager
def rest_server(model):
    """Yields the address of a REST server of a `Model`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK"}}
            self.send(200, {"model_version_status": [status]})

        def do_POST(self):
            model.headers.append({k.lower(): v for k, v in self.headers.items()})
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fault = model.next_fault()
            if fault in REST_FAULTS:
                return self.send(REST_FAULTS[fault], {"error": f"told to be {fault}"})
            name = re.fullmatch(r"/v1/models/([^/:]+)(/versions/\d+)?:predict", self.path)[1]
            inputs = {
                key: np.array([text.encode() for text in value], object)
                if isinstance(value, list) and isinstance(value[0], str)
                else np.array(value)
                for key, value in body["inputs"].items()
            }
            try:
                outputs = model.answer(name, body["signature_name"], inputs, fault)
            except KeyError as error:
                return self.send(404, {"error": str(error)})
            except ValueError as error:
                return self.send(400, {"error": str(error)})
            values = {
                key: np.vectorize(bytes.decode, otypes=[object])(value).tolist()
                if value.dtype == object
                else value.tolist()
                for key, value in outputs.items()
            }
            if fault == "garbled":
                values["score"] = [None] * len(values["score"])
            return self.send(200, {"outputs": values}, fault)

        def send(self, status, answer, fault=None):
            content = json.dumps(answer).encode()
            if fault == "not json":
                content = b"<html>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) + (9 if fault == "cut" else 0)))
            self.end_headers()
            if fault == "trickle":
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.02)
            else:
                self.wfile.write(content)
            if fault == "cut":
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
