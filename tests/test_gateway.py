"""REST end to end: the real gateway in front of the real server."""

import http.client
import io
import json
import urllib.error
import urllib.request
import uuid

import pytest

from tests.pictures import encode, gradient


def send(url, *files, method="POST"):
    """POST multipart files [(filename, bytes)]: status, headers, JSON."""
    boundary = uuid.uuid4().hex
    body = io.BytesIO()
    for filename, data in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        body.write(head.encode() + data + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return fetch(urllib.request.Request(url, body.getvalue() if files else None, headers, method=method))


def fetch(request):
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_classic_answer_has_one_probability_per_classifier(gateway_url, sample_photo, method):
    status, _, body = send(f"{gateway_url}/", ("sample.jpg", sample_photo), method=method)
    assert status == 200
    assert set(body) == {"prob_smiling", "prob_sunglasses"}
    assert all(0 <= value <= 1 for value in body.values())


def test_analyze_answers_with_everything(gateway_url, sample_photo):
    status, _, body = send(f"{gateway_url}/v1/analyze", ("sample.jpg", sample_photo))
    assert status == 200
    (image,) = body["images"]
    assert set(image) == {"filename", "width", "height", "attributes", "caption", "objects", "faces"}
    assert (image["filename"], image["width"], image["height"]) == ("sample.jpg", 512, 512)
    smiling = image["attributes"]["smiling"]
    assert set(smiling["probabilities"]) == {"not smiling", "smiling"}
    assert smiling["probability"] == smiling["probabilities"][smiling["label"]]
    assert image["caption"]["text"]
    assert set(body["models"]) == {"smiling", "sunglasses", "caption", "objects", "faces"}


def test_a_photo_without_a_face_has_no_attributes(gateway_url):
    _, _, body = send(f"{gateway_url}/v1/analyze?features=smiling", ("a.png", encode(gradient())))
    (image,) = body["images"]
    assert image["faces"] == []
    assert image["attributes"] == {"smiling": None}
    _, _, classic = send(f"{gateway_url}/", ("a.png", encode(gradient())))
    assert set(classic.values()) == {0.0}


@pytest.mark.parametrize("query", ["features=caption,smiling", "features=caption&features=smiling"])
def test_features_select(gateway_url, sample_photo, query):
    _, _, body = send(f"{gateway_url}/v1/analyze?{query}", ("a.jpg", sample_photo))
    assert set(body["images"][0]) == {"filename", "width", "height", "attributes", "caption", "faces"}
    assert set(body["images"][0]["attributes"]) == {"smiling"}
    assert set(body["models"]) == {"smiling", "caption", "faces"}  # smiling looks at faces


@pytest.mark.parametrize(
    ("query", "most"), [("min_score=0", 100), ("min_score=0&max_objects=2", 2), ("min_score=1", 0)]
)
def test_objects_are_filtered(gateway_url, sample_photo, query, most):
    _, _, body = send(f"{gateway_url}/v1/analyze?features=objects&{query}", ("a.jpg", sample_photo))
    objects = body["images"][0]["objects"]
    assert len(objects) <= most
    for found in objects:
        assert set(found) == {"label", "score", "box"}
        assert set(found["box"]) == {"x", "y", "width", "height"}


def test_one_bad_file_among_several_fails_in_its_place(gateway_url, sample_photo):
    files = [("a.jpg", sample_photo), ("b.txt", b"no picture"), ("c.png", encode(gradient()))]
    status, _, body = send(f"{gateway_url}/v1/analyze", *files)
    assert status == 200
    assert [image["filename"] for image in body["images"]] == ["a.jpg", "b.txt", "c.png"]
    assert body["images"][1]["problem"]["status"] == 422
    assert body["images"][2]["width"] == 96


@pytest.mark.parametrize(
    ("path", "files", "status", "words"),
    [
        ("/v1/analyze", [("a.txt", b"no picture")], 422, "accepted formats are JPEG, PNG"),
        ("/", [("a.txt", b"no picture")], 422, "accepted formats are JPEG, PNG"),
        ("/v1/analyze", [("a.jpg", b"")], 422, "the file is empty"),
        ("/v1/analyze", [], 400, "multipart/form-data"),
        ("/v1/analyze?features=hat", [("a.png", encode(gradient()))], 400, "smiling"),
        ("/v1/analyze?min_score=2", [("a.png", encode(gradient()))], 400, "less than or equal to 1"),
        ("/v1/analyze?max_objects=many", [("a.png", encode(gradient()))], 400, "valid integer"),
        ("/v1/analyze", [("a.png", encode(gradient(8, 8)))] * 33, 400, "at most 32"),
        ("/nowhere", [("a.png", b"")], 404, "/docs has every route"),
        ("/healthz", [("a.png", b"")], 405, "no POST at /healthz; /docs has every route"),
    ],
)
def test_bad_requests_end_in_problem_json(gateway_url, path, files, status, words):
    answered, headers, body = send(gateway_url + path, *files)
    assert answered == body["status"] == status
    assert headers["Content-Type"] == "application/problem+json"
    assert words in body["detail"]
    assert not {"/", "Traceback"} & set(body["detail"].split())


def test_too_large_a_body_is_refused_before_it_is_read(gateway_url):
    connection = http.client.HTTPConnection(gateway_url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/analyze")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", "33000000")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert response.headers["Content-Type"] == "application/problem+json"


def test_models_are_described(gateway_url):
    _, _, body = fetch(f"{gateway_url}/v1/models")
    smiling = next(model for model in body["models"] if model["name"] == "smiling")
    assert smiling["labels"] == ["not smiling", "smiling"]
    assert smiling["geometry"] == {"mode": "stretch", "width": 64, "height": 64}
    assert smiling["checksum"].startswith("sha256:")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_status(gateway_url, path):
    assert fetch(gateway_url + path)[0] == 200


def test_triton_away_is_503_and_the_gateway_stays_alive():
    from gateway.app import create_app
    from gateway.settings import Settings

    client = create_app(Settings(triton_url="127.0.0.1:9")).test_client()
    answer = client.post("/v1/analyze", data={"file": (io.BytesIO(encode(gradient())), "a.png")})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
