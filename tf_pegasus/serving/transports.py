"""Single requests to a TF Serving server, over gRPC or REST, with the same errors for both."""

import json
import re
from http.client import HTTPException
from urllib.parse import quote, unquote, urljoin, urlsplit

from tf_pegasus.serving.confidential import (
    Redaction,
    checked_grpc_metadata,
    checked_http_headers,
    without_credentials,
)
from tf_pegasus.serving.errors import ServingError as ServingError
from tf_pegasus.serving.errors import UnavailableError as UnavailableError
from tf_pegasus.serving.json_answers import as_array, as_json, as_states, checked_json
from tf_pegasus.serving.tensors import read_tensors, write_tensor
from tf_pegasus.utils.extras import require

EXTRA = "serving"
# Limits arrays, not documents: 64 rows of 8 summaries are far smaller.
MAX_ANSWER_BYTES = 64 * 2**20
# Idle connections that are kept.
_POOL_SIZE = 64
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5


class GrpcTransport:
    """Sends requests over gRPC.

    Args:
        address: str, `"host:port"`, or with a scheme of gRPC's name resolution, such as
            `"dns:///host:port"`.
        model: str, the model's name on the server.
        version: int, or None for the latest version.
        credentials: `grpc.ChannelCredentials`, or None for a channel without encryption.
        headers: dict of str, sent with each request. Their values are in no message and no log.

    Raises:
        ValueError: the address is none, or a header cannot be sent.
        ImportError: the extra `serving` is not installed.
    """

    def __init__(self, address, model, version=None, credentials=None, headers=None):
        check_grpc_address(address)
        self._metadata = checked_grpc_metadata(headers)
        self._redacted = Redaction(value for _, value in self._metadata)
        self._grpc = require("grpc", EXTRA)
        self._protos = _protos()
        options = [
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
            # The client retries, in the same way for both transports.
            ("grpc.enable_retries", 0),
            # Balances requests over all addresses of a name, such as a headless service.
            ("grpc.lb_policy_name", "round_robin"),
            # A proxy that the environment names would see documents and metadata.
            ("grpc.enable_http_proxy", 0),
            # The limit above is of compressed bytes: what they expand to has none.
            ("grpc.per_message_decompression", 0),
            ("grpc.compression_enabled_algorithms_bitset", 1),
        ]
        self._channel = (
            self._grpc.secure_channel(address, credentials, options)
            if credentials is not None
            else self._grpc.insecure_channel(address, options)
        )
        self._predict = self._method("PredictionService/Predict", self._protos.PredictRequest)
        self._get_model_status = self._method(
            "ModelService/GetModelStatus", self._protos.GetModelStatusRequest
        )
        self._model, self._version = model, version

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
        answer = self._call(self._predict, self._protos.PredictResponse, request, timeout)
        try:
            return read_tensors(answer.outputs, MAX_ANSWER_BYTES)
        except ValueError as error:
            raise ServingError(f"the answer holds an invalid tensor: {error}") from error

    def states(self, timeout):
        """Returns a dict from the model's version numbers to their states."""
        request = self._protos.GetModelStatusRequest()
        self._specify(request.model_spec)
        answer = self._call(
            self._get_model_status, self._protos.GetModelStatusResponse, request, timeout
        )
        states = self._protos.MODEL_STATES
        return {
            status.version: states.get(status.state, str(status.state))
            for status in answer.model_version_status
        }

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def _method(self, name, request):
        # Answers stay bytes: what gRPC cannot parse it writes to the log.
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}", request_serializer=request.SerializeToString
        )

    def _specify(self, spec):
        spec.name = self._model
        if self._version is not None:
            spec.version.value = self._version

    def _call(self, method, response, request, timeout):
        try:
            content = method(request, timeout=timeout, metadata=self._metadata)
        except self._grpc.RpcError as error:
            failure = self._failure(error)
        else:
            return self._protos.parsed(response, content)
        # Not from gRPC's error: that one repeats the server's text as it is.
        raise failure

    def _failure(self, error):
        codes, code, details = self._grpc.StatusCode, error.code(), self._redacted(error.details())
        if code == codes.UNAVAILABLE:
            return UnavailableError(f"the server is not available: {details}")
        if code == codes.DEADLINE_EXCEEDED:
            return TimeoutError(f"no answer within the deadline: {details}")
        if code in (codes.INVALID_ARGUMENT, codes.NOT_FOUND):
            return ValueError(f"the server refuses the request: {details}")
        return ServingError(f"the server failed with {getattr(code, 'name', code)}: {details}")


class RestTransport:
    """Requests over REST, to one origin and nowhere else: neither proxies nor `.netrc` of the
    environment are used.

    Args:
        address: str, `"http://host:port"` or `"https://host:port"`; a path before the API's own
            may follow, and `user:password@` precede the host (HTTP's basic authentication).
        model, version, headers: see `GrpcTransport`.
        follow_redirects: bool, whether a request is sent again to another path of the same
            scheme, host and port, where the server says so; never to another origin.

    Raises:
        ValueError: the address is none, or a header cannot be sent.
        ImportError: the extra `serving` is not installed.
    """

    def __init__(self, address, model, version=None, headers=None, follow_redirects=False):
        check_url(address)
        parts = urlsplit(address)
        headers = checked_http_headers(headers)
        self._urllib3 = require("urllib3", EXTRA)
        from tf_pegasus.serving import bounded_http

        secrets = list(headers.values())
        if parts.username is not None or parts.password is not None:
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            basic = self._urllib3.make_headers(basic_auth=f"{user}:{password}")
            secrets += [user, password, *basic.values()]
            headers = {"Authorization": basic["authorization"], **headers}
        self._redacted = Redaction(secrets)
        self._headers = {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **headers,
        }
        self._follow_redirects = follow_redirects
        self._origin = _origin(parts)
        self._http = bounded_http
        self._pool = bounded_http.connection_pool(*self._origin, _POOL_SIZE)
        self._path = f"{parts.path.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._path += f"/versions/{version}"

    def predict(self, signature, inputs, timeout):
        """See `GrpcTransport.predict`."""
        body = {
            "signature_name": signature,
            "inputs": {name: as_json(value) for name, value in inputs.items()},
        }
        content = json.dumps(body, allow_nan=False).encode()
        outputs = self._call("POST", f"{self._path}:predict", timeout, content).get("outputs")
        if not isinstance(outputs, dict):
            raise ServingError("the answer has no outputs")
        try:
            return {name: as_array(value) for name, value in outputs.items()}
        except ValueError as error:
            raise ServingError(f"the answer holds an invalid tensor: {error}") from error

    def states(self, timeout):
        """See `GrpcTransport.states`."""
        return as_states(self._call("GET", self._path, timeout))

    def close(self):
        """Closes the connections."""
        self._pool.close()

    def _call(self, method, path, timeout, content=None):
        # Half of what may come is for headers and the frames of chunks.
        allowance = self._http.Allowance(timeout, 2 * MAX_ANSWER_BYTES)
        with allowance.applied():
            for _ in range(_MAX_REDIRECTS + 1):
                status, location, answer = self._exchange(method, path, content, allowance, timeout)
                if status not in _REDIRECTS:
                    return checked_json(status, answer, self._redacted)
                path = self._redirected(method, status, path, location)
        raise ServingError(f"the server redirects more than {_MAX_REDIRECTS} times")

    def _exchange(self, method, path, content, allowance, timeout):
        """The status, where to go, and the body of one answer."""
        response = None
        try:
            response = self._pool.urlopen(
                method,
                path,
                content,
                self._headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            return response.status, response.headers.get("Location"), _content(response)
        except (self._urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            failure = self._failure(error, response, allowance, timeout)
        finally:
            # Nothing, if the connection waits for the next request already.
            if response is not None:
                response.close()
        # Not from the library's error, which may repeat what the server sent.
        raise failure

    def _failure(self, error, response, allowance, timeout):
        if allowance.is_over():
            return TimeoutError(f"no answer within {timeout:.3g} s")
        details = self._redacted(str(error))
        if response is not None:
            return ServingError(f"the answer ends too soon, or makes no sense: {details}")
        exceptions = self._urllib3.exceptions
        is_lost = any(isinstance(argument, ConnectionError) for argument in error.args)
        if is_lost or isinstance(error, (exceptions.NewConnectionError, exceptions.SSLError)):
            return UnavailableError(f"the server is not available: {details}")
        return ServingError(f"the answer makes no sense: {details}")

    def _redirected(self, method, status, path, location):
        """The path that an answer says to ask.

        Raises:
            ServingError: it is not to be followed.
        """
        place = self._redacted(without_credentials(location or "nowhere")[:200])
        message = f"the server redirects ({status}) to {place!r}"
        if not self._follow_redirects:
            raise ServingError(f"{message}: this client does not follow (follow_redirects=False)")
        scheme, host, port = self._origin
        try:
            parts = urlsplit(urljoin(f"{scheme}://{_in_url(host)}:{port}{path}", location or ""))
            is_same = _origin(parts) == self._origin
        except ValueError:
            is_same = False
        if not is_same:
            raise ServingError(
                f"{message}, which is not {scheme}://{_in_url(host)}:{port}: only redirects to the "
                "same scheme, host and port are followed"
            )
        if method != "GET" and status not in (307, 308):
            raise ServingError(f"{message} by a status that makes a GET of a {method}")
        return parts.path + (f"?{parts.query}" if parts.query else "")


def _origin(parts):
    """Scheme, host and port of a split URL.

    Raises:
        ValueError: it is not HTTP's.
    """
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not a URL of HTTP: {parts.scheme}")
    port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, port


def _in_url(host):
    return f"[{host}]" if ":" in host else host


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
            f"address={without_credentials(address)!r} must be 'host:port' with a port from 1 to "
            "65535 (gRPC), or 'http://host:port' (REST)"
        )


def check_url(address):
    """Raises ValueError unless an address is an HTTP URL with a host and a valid port."""
    try:
        parts = urlsplit(address)
        _origin(parts)
        is_valid = parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        is_valid = False
    if not is_valid or re.search(r"\s", address):
        raise ValueError(
            f"address={without_credentials(address)!r} must be 'http://host:port' or "
            "'https://host:port', with a port from 1 to 65535 if any"
        )


def _protos():
    """Returns the module of messages, or raises ImportError that names the extra to install."""
    require("google.protobuf", EXTRA)
    from tf_pegasus.serving import protos

    return protos


def _content(response):
    """The body of an answer."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ServingError("the answer is compressed, which was not asked for")
    pieces, size = [], 0
    # Not `stream`, which reads lines of any length between chunks.
    while piece := response.read(2**16):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise ServingError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return b"".join(pieces)
