"""Single requests to a TF Serving server, over gRPC or REST, with the same errors for both."""

import json
import re
import time
from urllib.parse import urlsplit

import numpy as np

from tf_pegasus.serving.tensors import read_tensor, write_tensor
from tf_pegasus.utils.extras import require

EXTRA = "serving"
# Limits arrays, not documents: 64 rows of 8 summaries are far smaller.
MAX_ANSWER_BYTES = 64 * 2**20


class ServingError(RuntimeError):
    """Raised when the server fails, or its answer is invalid."""


class UnavailableError(ConnectionError):
    """Raised when the server cannot be reached or does not accept requests at the moment."""


class GrpcTransport:
    """Sends requests over gRPC.

    Args:
        address: str, `"host:port"`, or with a scheme of gRPC's name resolution, such as
            `"dns:///host:port"`.
        model: str, the model's name on the server.
        version: int, or None for the latest version.
        credentials: `grpc.ChannelCredentials`, or None for a channel without encryption.
        headers: dict of str, sent with each request.

    Raises:
        ValueError: if the address is invalid.
        ImportError: if the extra `serving` is not installed.
    """

    def __init__(self, address, model, version=None, credentials=None, headers=None):
        check_grpc_address(address)
        self._grpc = require("grpc", EXTRA)
        self._protos = _protos()
        options = [
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
            # The client retries, in the same way for both transports.
            ("grpc.enable_retries", 0),
            # Balances requests over all addresses of a name, such as a headless service.
            ("grpc.lb_policy_name", "round_robin"),
        ]
        self._channel = (
            self._grpc.secure_channel(address, credentials, options)
            if credentials is not None
            else self._grpc.insecure_channel(address, options)
        )
        self._predict = self._method(
            "PredictionService/Predict", self._protos.PredictRequest, self._protos.PredictResponse
        )
        self._get_model_status = self._method(
            "ModelService/GetModelStatus",
            self._protos.GetModelStatusRequest,
            self._protos.GetModelStatusResponse,
        )
        self._model, self._version = model, version
        self._metadata = [(name.lower(), value) for name, value in (headers or {}).items()]

    def predict(self, signature, inputs, timeout):
        """Sends a request.

        Args:
            signature: str.
            inputs: dict from name to numpy array (strings as an array of bytes).
            timeout: float, seconds until the answer must have arrived.

        Returns:
            dict from name to numpy array.

        Raises:
            UnavailableError, TimeoutError, ServingError: if the request fails.
            ValueError: if the server rejects the request.
        """
        request = self._protos.PredictRequest()
        self._specify(request.model_spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            write_tensor(request.inputs[name], value)
        answer = self._call(self._predict, request, timeout)
        try:
            return {name: read_tensor(value) for name, value in answer.outputs.items()}
        except ValueError as error:
            raise ServingError(f"the answer holds an invalid tensor: {error}") from error

    def states(self, timeout):
        """Returns a dict from the model's version numbers to their states."""
        request = self._protos.GetModelStatusRequest()
        self._specify(request.model_spec)
        answer = self._call(self._get_model_status, request, timeout)
        states = self._protos.MODEL_STATES
        return {
            status.version: states.get(status.state, str(status.state))
            for status in answer.model_version_status
        }

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def _method(self, name, request, response):
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    def _specify(self, spec):
        spec.name = self._model
        if self._version is not None:
            spec.version.value = self._version

    def _call(self, method, request, timeout):
        codes = self._grpc.StatusCode
        try:
            return method(request, timeout=timeout, metadata=self._metadata)
        except self._grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code == codes.UNAVAILABLE:
                raise UnavailableError(f"the server is not available: {details}") from error
            if code == codes.DEADLINE_EXCEEDED:
                raise TimeoutError(f"no answer within the deadline: {details}") from error
            if code in (codes.INVALID_ARGUMENT, codes.NOT_FOUND):
                raise ValueError(f"the server refuses the request: {details}") from error
            raise ServingError(f"the server failed with {code.name}: {details}") from error


class RestTransport:
    """Sends requests over REST.

    Args:
        address: str, `"http://host:port"` or `"https://host:port"`, optionally followed by a path
            in front of the API's own.
        model, version, headers: see `GrpcTransport`.

    Raises:
        ValueError: if the address is invalid.
        ImportError: if the extra `serving` is not installed.
    """

    def __init__(self, address, model, version=None, headers=None):
        check_url(address)
        self._requests = require("requests", EXTRA)
        self._session = self._requests.Session()
        self._session.headers.update(headers or {})
        self._url = f"{address.rstrip('/')}/v1/models/{model}"
        if version is not None:
            self._url += f"/versions/{version}"

    def predict(self, signature, inputs, timeout):
        """See `GrpcTransport.predict`."""
        body = {
            "signature_name": signature,
            "inputs": {name: _as_json(value) for name, value in inputs.items()},
        }
        outputs = self._call("POST", f"{self._url}:predict", timeout, json=body).get("outputs")
        if not isinstance(outputs, dict):
            raise ServingError("the answer has no outputs")
        try:
            return {name: _as_array(value) for name, value in outputs.items()}
        except ValueError as error:
            raise ServingError(f"the answer holds an invalid tensor: {error}") from error

    def states(self, timeout):
        """See `GrpcTransport.states`."""
        answer = self._call("GET", self._url, timeout)
        return {
            int(status["version"]): status["state"]
            for status in answer.get("model_version_status", [])
        }

    def close(self):
        """Closes the connections."""
        self._session.close()

    def _call(self, method, url, timeout, **arguments):
        requests, deadline = self._requests, time.monotonic() + timeout
        try:
            with self._session.request(
                method, url, timeout=timeout, stream=True, **arguments
            ) as response:
                content = _content(response, deadline)
        # ConnectTimeout is also a Timeout, so it comes first.
        except requests.ConnectTimeout as error:
            raise UnavailableError(f"the server cannot be reached: {error}") from error
        except requests.Timeout as error:
            raise TimeoutError(f"no answer within {timeout:.3g} s") from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise ServingError(f"the answer is cut off: {error}") from error
        except requests.ConnectionError as error:
            if "timed out" in str(error):
                raise TimeoutError(f"no answer within {timeout:.3g} s") from error
            raise UnavailableError(f"the server is not available: {error}") from error
        return _checked_json(response.status_code, content)


def check_grpc_address(address):
    """Raises ValueError unless gRPC can connect to the address."""
    # gRPC itself accepts any text, and reports that the server is unavailable.
    scheme, separator, rest = address.partition(":")
    if separator and scheme in ("unix", "unix-abstract", "vsock", "xds") and rest:
        return
    target = re.sub(r"^(dns:(//[^/]*/)?|ipv[46]:)", "", address)
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\]]+):(\d{1,5})", target, re.ASCII)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(
            f"address={address!r} must be 'host:port' with a port from 1 to 65535 (gRPC), or "
            "'http://host:port' (REST)"
        )


def check_url(address):
    """Raises ValueError unless an address is an HTTP URL with a host and a valid port."""
    try:
        parts = urlsplit(address)
        is_valid = bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        is_valid = False
    if not is_valid or re.search(r"\s", address):
        raise ValueError(
            f"address={address!r} must be 'http://host:port' or 'https://host:port', with a port "
            "from 1 to 65535 if any"
        )


def _protos():
    """Returns the module of messages, or raises ImportError that names the extra to install."""
    require("google.protobuf", EXTRA)
    from tf_pegasus.serving import protos

    return protos


def _content(response, deadline):
    """Reads an answer, up to the deadline."""
    content = b""
    for chunk in response.iter_content(2**16):
        content += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("the answer did not arrive completely within the deadline")
        if len(content) > MAX_ANSWER_BYTES:
            raise ServingError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return content


def _checked_json(status, content):
    """Returns the JSON object of an answer.

    Raises:
        UnavailableError, TimeoutError, ValueError, ServingError: depending on the status.
    """
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    is_object = isinstance(answer, dict)
    details = answer.get("error") if is_object else content[:200].decode(errors="replace")
    if status == 503:
        raise UnavailableError(f"the server is not available: {details}")
    if status == 504:
        raise TimeoutError(f"no answer within the server's deadline: {details}")
    if status in (400, 404):
        raise ValueError(f"the server refuses the request: {details}")
    if status != 200:
        raise ServingError(f"the server failed with {status}: {details}")
    if not is_object:
        raise ServingError(f"the answer is not a JSON object: {details}")
    return answer


def _as_json(value):
    value = np.asarray(value)
    if value.dtype == object:
        return [text.decode() for text in value]
    return value.tolist()


def _as_array(value):
    array = np.asarray(value)
    if array.dtype.kind == "U":
        # As objects, because numpy's own strings drop trailing NUL bytes.
        return np.frompyfunc(str.encode, 1, 1)(np.array(value, object))
    if array.dtype.kind not in "bif":
        raise ValueError(f"expected numbers or strings, got {str(value)[:80]}")
    return array
