"""The gateway's ways in and out, in this process, in front of the real server."""

import base64
import io
import json
from urllib.parse import quote

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

from contract.failure import UnknownTask
from gateway.app import create_app
from gateway.operations.keys import create_key
from gateway.settings import Settings
from tests.pictures import encode, gradient


@pytest.fixture(scope="module")
def client(triton_url):
    return create_app(Settings(triton_url=triton_url, cache_bytes=0)).test_client()


FORM = "multipart/form-data"
ROUTES = {
    "/": ["post", "put"],
    "/v1/analyze": ["post"],
    "/v1/annotate": ["post"],
    "/v1/models": ["get"],
    "/v1/models/{name}": ["get", "post"],
    "/healthz": ["get"],
    "/readyz": ["get"],
}


def multipart(*files):
    return {"data": {"file": [(io.BytesIO(data), name) for name, data in files]}}


def without_filename(photo):
    """A form's part as `curl -F 'file=<a.jpg'` sends it."""
    return b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo + b"\r\n--b--\r\n"


def in_base64(photo):
    """A form's part as some mail libraries write it."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head + base64.encodebytes(photo) + b"\r\n--b--\r\n"


def test_every_way_to_send_gives_the_same_answer(client, sample_photo):
    text = base64.b64encode(sample_photo).decode()
    ways = [
        multipart(("a.jpg", sample_photo)),
        {"data": sample_photo, "content_type": "image/jpeg"},
        {"data": sample_photo, "content_type": "application/octet-stream"},
        {"json": {"images": [{"data": text, "filename": "a.jpg"}]}},
        {"json": {"images": [{"data": f"data:image/jpeg;base64,{text}"}]}},
        {"json": {"images": [{"data": f"DATA:image/jpeg;base64,{text}\n"}]}},
        {"json": {"images": [{"data": base64.encodebytes(sample_photo).decode()}]}},
        {"json": {"images": [{"data": base64.encodebytes(sample_photo).decode().replace("\n", "\r\n")}]}},
        {
            "data": b"\xef\xbb\xbf" + json.dumps({"images": [{"data": text}]}).encode(),
            "content_type": "application/json",
        },
        {"data": sample_photo, "content_type": "binary/octet-stream"},
        {"data": without_filename(sample_photo), "content_type": f"{FORM}; boundary=b"},
        {"data": in_base64(sample_photo), "content_type": f"{FORM}; boundary=b"},
    ]
    answers = [client.post("/v1/analyze", **way) for way in ways]
    assert [answer.status_code for answer in answers] == [200] * len(ways)
    images = [answer.json["images"][0] for answer in answers]
    assert [image.pop("filename") for image in images] == ["a.jpg", None, None, "a.jpg", *[None] * 8]
    assert all(image == images[0] for image in images)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"data": b"<x/>", "content_type": "application/xml"}, 415, "application/xml"),
        ({"data": b"{", "content_type": "application/json"}, 400, "body"),
        ({"json": {"images": []}}, 400, "images"),
        ({"json": {"images": [{"data": "***"}]}}, 400, "images.0.data"),
        ({"json": {"images": [{"data": base64.b64encode(b"no picture").decode()}]}}, 422, "accepted formats"),
        ({"data": b"no picture", "content_type": "image/png"}, 422, "accepted formats"),
        ({"data": b"x", "content_type": "multipart/form-data; boundary=b"}, 400, "cannot be read"),
        ({"data": b"x", "content_type": "multipart/form-data"}, 400, "cannot be read"),
        ({"data": {"photo": (io.BytesIO(b"x"), "a.jpg")}}, 400, "in the field 'file'"),
        ({"content_type": FORM, "data": {f"field-{number}": "x" for number in range(65)}}, 400, "cannot be read"),
        ({}, 400, "no photo"),
    ],
)
def test_bodies_that_hold_no_photo(client, body, status, words):
    answer = client.post("/v1/analyze", **body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert words in answer.json["detail"]
    assert answer.json["title"]


def test_one_model(client, sample_photo):
    answer = client.post("/v1/models/smiling", **multipart(("a.jpg", sample_photo))).json
    assert set(answer["images"][0]) == {"filename", "width", "height", "attributes", "faces"}
    card = client.get("/v1/models/smiling").json
    assert card["labels"] == ["not smiling", "smiling"]
    assert card["link"] == "zoo/smiling/README.md"
    assert card["about"]
    assert card["licence"]
    for method in (client.get, client.post):
        problem = method("/v1/models/hat")
        assert problem.status_code == 404
        assert "smiling" in problem.json["detail"]


def test_labels_keep_classes(client, sample_photo):
    ask = "/v1/analyze?features=objects&min_score=0.15"
    everything = client.post(ask, **multipart(("a.jpg", sample_photo))).json["images"][0]["objects"]
    persons = client.post(f"{ask}&labels=person", **multipart(("a.jpg", sample_photo))).json["images"][0]["objects"]
    labels = {found["label"] for found in everything}
    assert len(labels) > 1
    assert persons == [found for found in everything if found["label"] == "person"] != []
    query = "".join(f"&labels={quote(label)}" for label in labels)
    assert client.post(f"{ask}{query}", **multipart(("a.jpg", sample_photo))).json["images"] == [
        {"filename": "a.jpg", "width": 512, "height": 512, "objects": everything}
    ]
    problem = client.post(f"{ask}&labels=hat", **multipart(("a.jpg", sample_photo)))
    assert problem.status_code == 400
    assert "person" in problem.json["detail"]


@pytest.mark.parametrize(("accept", "container"), [("image/png", "PNG"), ("image/jpeg", "JPEG"), ("*/*", "JPEG")])
def test_annotated_picture_differs_where_something_is_drawn(client, sample_photo, accept, container):
    answer = client.post("/v1/annotate", headers={"Accept": accept}, **multipart(("a.jpg", sample_photo)))
    assert answer.status_code == 200
    drawn = Image.open(io.BytesIO(answer.data))
    assert (drawn.format, drawn.size) == (container, (512, 512))
    bottom = drawn.convert("RGB").getpixel((3, 508))
    assert max(bottom) < 60  # the patch behind the caption
    assert "drawing;dur=" in answer.headers["Server-Timing"]


def test_annotated_picture_is_upright(client):
    picture = Image.new("RGB", (64, 48), "grey")
    exif = Image.Exif()
    exif[0x0112] = 6
    output = io.BytesIO()
    picture.save(output, "JPEG", exif=exif)
    answer = client.post("/v1/annotate", data=output.getvalue(), content_type="image/jpeg")
    assert Image.open(io.BytesIO(answer.data)).size == (48, 64)


def deep_grey():
    return encode(Image.fromarray(np.full((64, 96), 127 * 257, np.uint16)))


def see_through():
    return encode(Image.new("RGBA", (96, 64), (0, 0, 0, 0)))


@pytest.mark.parametrize(("photo", "mean"), [(deep_grey, 127), (see_through, 255)])
def test_annotated_picture_is_what_the_networks_see(client, photo, mean):
    answer = client.post(
        "/v1/annotate?features=", data=photo(), headers={"Accept": "image/png"}, content_type="image/png"
    )
    assert np.asarray(Image.open(io.BytesIO(answer.data))).mean() == pytest.approx(mean, abs=1)


def test_no_features_are_the_size_alone(client):
    answer = client.post("/v1/analyze?features=", data=encode(gradient()), content_type="image/png")
    assert answer.json == {"images": [{"filename": None, "width": 96, "height": 64}], "models": {}}


@pytest.mark.parametrize("path", ["/v1/analyze?feature=smiling", "/v1/models/smiling?features=smiling"])
def test_unknown_parameters_are_refused_with_the_known(client, path):
    answer = client.post(path, data=encode(gradient()), content_type="image/png")
    assert answer.status_code == 400
    assert "min_score" in answer.json["detail"]


def test_a_task_that_is_not_known_is_named(triton_url, capsys):
    app = create_app(Settings(triton_url=triton_url))

    def read_catalog():
        raise UnknownTask("depth", "segmentation")

    app.extensions["gateway"].triton.catalog = read_catalog
    for answer in (
        app.test_client().get("/v1/models"),
        app.test_client().post("/v1/analyze", data=encode(gradient()), content_type="image/png"),
    ):
        assert answer.status_code == 500
        assert "model depth has task 'segmentation'" in answer.json["detail"]
    assert "model depth has task 'segmentation'" in capsys.readouterr().err


def test_numbers_that_json_does_not_know_are_a_problem_of_their_photo(triton_url):
    app = create_app(Settings(triton_url=triton_url, cache_bytes=0))
    ask = app.extensions["gateway"].triton.analyze

    def spoil(images, *arguments):
        outcomes = ask(images, *arguments)
        return [outcomes[0], *({**each, "smiling": each["smiling"] * np.nan} for each in outcomes[1:])]

    app.extensions["gateway"].triton.analyze = spoil
    photo = encode(gradient())
    images = app.test_client().post("/v1/analyze", **multipart(("a", photo), ("b", photo + b" "))).json["images"]
    assert images[0]["width"] == 96
    assert images[1]["problem"]["status"] == 500
    assert "smiling gave no finite numbers" in images[1]["problem"]["detail"]


def test_annotate_refuses_what_it_cannot_draw(client):
    answer = client.post("/v1/annotate", headers={"Accept": "text/html"}, **multipart(("a.png", encode(gradient()))))
    assert (answer.status_code, answer.content_type) == (406, "application/problem+json")


def test_answers_carry_id_timings_and_security_headers(client, sample_photo):
    answer = client.post("/v1/analyze", headers={"X-Request-ID": "mine-1"}, **multipart(("a.jpg", sample_photo)))
    assert answer.headers["X-Request-ID"] == "mine-1"
    names = [entry.partition(";")[0] for entry in answer.headers["Server-Timing"].split(", ")]
    assert names == ["upload", "queue", "inference"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\tb"])
def test_a_strange_request_id_is_replaced(client, given):
    assert len(client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]) == 32


def test_document_is_valid_and_tells_every_route(client):
    document = client.get("/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    told = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert told == {(path, method) for path, methods in ROUTES.items() for method in methods}
    identities = {each["operationId"] for methods in document["paths"].values() for each in methods.values()}
    assert len(identities) == len(told)
    assert identities >= {"analyze", "annotate", "listModels"}
    assert document["servers"] == [{"url": "/"}]
    for path, method in told - {("/healthz", "get")}:
        assert any(int(status) >= 400 for status in document["paths"][path][method]["responses"])


def test_every_route_that_takes_photos_tells_the_three_ways_to_send_them(client):
    document = client.get("/openapi.json").json
    takers = [each for methods in document["paths"].values() for name, each in methods.items() if name != "get"]
    assert len(takers) == 5
    for operation in takers:
        assert set(operation["requestBody"]["content"]) == {"multipart/form-data", "image/*", "application/json"}
    types = {each["name"]: each["schema"]["type"] for each in document["paths"]["/v1/analyze"]["post"]["parameters"]}
    assert types == {"features": "array", "labels": "array", "max_objects": "integer", "min_score": "number"}


def test_every_answer_has_an_example_that_fits_its_schema(client):
    document = client.get("/openapi.json").json
    tried = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for media in response["content"].values():
                    if "$ref" in media["schema"]:
                        schema = document["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
                        (shown,) = [media["example"]] if "example" in media else schema["examples"]
                        OAS31Validator({**schema, "components": document["components"]}).validate(shown)
                        tried += 1
    assert tried > 30


@pytest.mark.parametrize("path", ["/", "/v1/analyze"])
def test_a_photo_in_another_field_is_refused_not_dropped(client, path):
    files = {"file": (io.BytesIO(encode(gradient())), "a.png"), "image": (io.BytesIO(encode(gradient())), "b.png")}
    answer = client.post(path, data=files, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert answer.json["detail"].startswith("a file in the field 'image'; accepted is multipart/form-data")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("min_score=0.1&min_score=0.2", "min_score is given 2 times; once is accepted"),
        ("max_objects=abc", "max_objects=abc: Input should be a valid integer, unable to parse string as an integer"),
        ("min_score=", "min_score=: Input should be a valid number, unable to parse string as a number"),
    ],
)
def test_parameters_that_are_wrong_are_told_in_plain_words(client, query, words):
    answer = client.post(f"/v1/analyze?{query}", **multipart(("a.png", encode(gradient()))))
    assert (answer.status_code, answer.json["detail"]) == (400, words)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/smiling"])
def test_unknown_parameters_are_refused_there_too(client, path):
    answer = client.get(f"{path}?verbose=1")
    assert (answer.status_code, answer.json["detail"]) == (400, "no parameter 'verbose'; accepted are none")


def test_a_filename_that_is_no_utf8_is_told_in_words(client):
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xe9.jpg"\r\n\r\nx\r\n--b--\r\n'
    answer = client.post("/", data=body, content_type=f"{FORM}; boundary=b")
    assert answer.status_code == 400
    assert "Segment header failed to decode; accepted is" in answer.json["detail"]


def test_the_short_answer_takes_no_parameters(client):
    answer = client.post("/?features=smiling", **multipart(("a.png", encode(gradient()))))
    assert (answer.status_code, answer.json["detail"]) == (400, "no parameter 'features'; accepted are none")


@pytest.mark.parametrize("path", ["/", "/v1/annotate"])
def test_a_second_photo_is_refused_where_one_is_answered(client, path):
    photo = encode(gradient())
    answer = client.post(path, **multipart(("a.png", photo), ("b.png", photo)))
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.json["detail"] == "2 photos; one is accepted here, /v1/analyze takes several"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/nowhere", "there is nothing at /nowhere; /docs has every route"),
        ("/metrics/triton", "TRITON_METRICS_URL is not set"),
    ],
)
def test_what_is_not_there_is_said(path, detail):
    answer = create_app(Settings()).test_client().get(path)
    assert (answer.status_code, answer.json["detail"]) == (404, detail)


def test_docs_load_nothing_from_the_network(client):
    page = client.get("/docs")
    assert "://" not in page.text
    (policy,) = page.headers.getlist("Content-Security-Policy")  # browsers enforce every one of several
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/docs/{name}").status_code == 200
    assert client.get("/docs/none.js").status_code == 404


def test_document_asks_for_keys_only_where_there_are_some(client):
    open_document = client.get("/openapi.json").json
    assert "security" not in open_document
    assert "securitySchemes" not in open_document["components"]
    _, entry = create_key("ana")
    document = create_app(Settings(api_keys=entry)).test_client().get("/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    assert document["security"] == [{"bearer": []}, {"key": []}]
    free = {path for path, methods in document["paths"].items() for each in methods.values() if "security" in each}
    assert free == {"/healthz", "/readyz"}


def test_metrics_count_unknown_routes_and_methods_together(client):
    assert client.open("/v1/models", method="INVENTED").status_code == 405
    text = client.get("/metrics").text
    assert "INVENTED" not in text
    assert 'gateway_requests_total{method="any",route="none",status="405"}' in text


def test_metrics_count_what_was_found(client, sample_photo):
    client.post("/v1/analyze", **multipart(("a.jpg", sample_photo)))
    text = client.get("/metrics").text
    assert 'gateway_requests_total{method="POST",route="/v1/analyze",status="200"}' in text
    assert 'gateway_found_total{label="no sunglasses",model="sunglasses"}' in text or "sunglasses" in text
    assert "gateway_triton_seconds_bucket" in text
    assert "gateway_in_flight 1.0" in text  # this very request
