"""Settings, keys, limits, kept uploads and logs of the gateway."""

import hashlib
import io
import json
import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.operations.archive import Archive
from gateway.operations.keys import create_key, parse_keys
from gateway.operations.proxies import read_address
from gateway.settings import Settings, SettingsError, list_settings, read_settings
from gateway.uploads import Upload
from tests.conftest import ROOT
from tests.pictures import encode, gradient

PHOTO = encode(gradient())


@pytest.fixture
def open_gateway(triton_url):
    def start(**settings):
        return create_app(Settings(triton_url=triton_url, **settings)).test_client()

    return start


def post(client, path="/v1/analyze", photos=1, **options):
    files = [(io.BytesIO(PHOTO), f"{number}.png") for number in range(photos)]
    return client.post(path, data={"file": files}, **options)


def test_every_setting_is_documented_where_users_read():
    described = subprocess.run([sys.executable, "-m", "gateway", "--help"], cwd=ROOT, capture_output=True, text=True)
    table = (ROOT / "gateway" / "README.md").read_text()
    for name, default, description in list_settings():
        assert description, name
        assert name in described.stdout
        assert f"| `{name}` | {default and f'`{default}`'} | {description} |" in table


def test_settings_come_from_environment_and_file(monkeypatch, tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('max_files = 5\nmax_pixels = 7\ncors_origins = ["https://a.example"]\n')
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    monkeypatch.setenv("MAX_FILES", "6")
    settings = read_settings()
    assert (settings.max_files, settings.max_pixels) == (6, 7)
    assert settings.cors_origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MAX_FILES", "many", "MAX_FILES: Input should be a valid integer"),
        ("MAX_OBJECTS", "301", "less than or equal to 300"),
        ("LOG_FORMAT", "xml", "text|json"),
        ("GATEWAY_CONFIG", "/nowhere.toml", "there is no file"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="(?s)" + words.replace("|", r"\|")):
        read_settings()


def test_keys_are_asked_for(open_gateway):
    key, entry = create_key("ana")
    client = open_gateway(api_keys=f"bob:{'0' * 64}, {entry}")
    assert key not in entry
    for headers in ({}, {"X-API-Key": "guess"}, {"Authorization": "Basic abc"}):
        answer = post(client, headers=headers)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
        assert post(client, headers=headers).status_code == 200
    assert client.get("/v1/models").status_code == 401
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("text", ["secret", "ana:secret", f":{'0' * 64}"])
def test_entries_that_are_no_hash_are_refused(text):
    with pytest.raises(SettingsError, match="name:sha256"):
        parse_keys(text)


def test_command_makes_a_key():
    made = subprocess.run([sys.executable, "-m", "gateway", "key", "ana"], cwd=ROOT, capture_output=True, text=True)
    key, entry = (line.split()[-1] for line in made.stdout.splitlines())
    assert parse_keys(entry) == {"ana": hashlib.sha256(key.encode()).digest()}


def test_rate_limit_is_per_key(open_gateway):
    keys = {name: create_key(name) for name in ("ana", "bob")}
    client = open_gateway(api_keys=",".join(entry for _, entry in keys.values()), rate_limit="2 per minute")
    ana = {"X-API-Key": keys["ana"][0]}
    assert post(client, headers=ana).status_code == 200
    assert client.get("/v1/models", headers=ana).status_code == 200  # another route, the same count
    refused = post(client, headers=ana)
    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert post(client, headers={"X-API-Key": keys["bob"][0]}).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_who_waits_as_long_as_the_rate_limit_says_is_let_in(open_gateway):
    client = open_gateway(rate_limit="1 per 2 seconds")
    assert client.get("/v1/models").status_code == 200
    refused = client.get("/v1/models")
    assert refused.status_code == 429
    time.sleep(int(refused.headers["Retry-After"]))
    assert client.get("/v1/models").status_code == 200


def test_limits_of_a_request(open_gateway):
    client = open_gateway(max_files=2, max_pixels=96 * 64 - 1, max_upload_bytes=100_000)
    assert "at most 2" in post(client, photos=3).json["detail"]
    too_big = post(client)
    assert too_big.status_code == 422
    assert "96×64" in too_big.json["detail"]
    assert client.post("/v1/analyze", data=b"x" * 100_001, content_type="image/png").status_code == 413


def test_a_deadline_that_passes_in_tritons_queue_is_504(open_gateway):
    assert post(open_gateway(request_seconds=1e-6)).status_code == 504


def test_cross_origin_requests_need_a_setting(open_gateway):
    origin = {"Origin": "https://a.example"}
    assert "Access-Control-Allow-Origin" not in post(open_gateway(), headers=origin).headers
    client = open_gateway(cors_origins="https://a.example")
    assert post(client, headers=origin).headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Origin" not in post(client, headers={"Origin": "https://b.example"}).headers


def test_preflights_need_no_key_and_count_against_no_limit(open_gateway):
    _, entry = create_key("ana")
    client = open_gateway(api_keys=entry, rate_limit="1 per minute", cors_origins="https://a.example")
    asking = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for _ in range(3):
        answer = client.options("/v1/analyze", headers=asking)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization"


@pytest.mark.parametrize(("proxies", "expected"), [(0, [200, 429, 429]), (1, [200, 200, 429])])
def test_clients_behind_a_trusted_proxy_count_by_themselves(open_gateway, capsys, proxies, expected):
    client = open_gateway(rate_limit="1 per minute", trusted_proxies=proxies, log_format="json")
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    answers = [client.get("/v1/models", headers={"X-Forwarded-For": f"6.6.6.6, {each}"}) for each in addresses]
    assert [answer.status_code for answer in answers] == expected
    logged = [json.loads(line)["client"] for line in capsys.readouterr().err.splitlines()]
    assert logged == (addresses if proxies else ["127.0.0.1"] * 3)


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("1.1.1.1:5555", "1.1.1.1"),
        ("[2001:db8::1]:5555", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_clients_port_is_no_part_of_its_address(told, client):
    assert read_address(told) == client


def test_a_client_is_the_same_whichever_port_it_comes_from(open_gateway):
    client = open_gateway(rate_limit="1 per minute", trusted_proxies=1)
    answers = [client.get("/v1/models", headers={"X-Forwarded-For": f"1.1.1.1:{port}"}) for port in (5555, 6666)]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("origin", ["https://b.example/", "http://localhost:3000", "*", "capacitor://localhost"])
def test_origins_are_taken_as_browsers_send_them(origin):
    assert Settings(cors_origins=origin).cors_origins == (origin.rstrip("/"),)


@pytest.mark.parametrize("origin", ["localhost:3000", "https://a.example/page", "https://"])
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(ValueError, match="is no web origin; write scheme://host"):
        Settings(cors_origins=origin)


def test_uploads_are_kept_only_if_asked(open_gateway, tmp_path):
    folder = tmp_path / "kept"
    client = open_gateway(upload_folder=folder)
    client.post("/v1/analyze", data={"file": [(io.BytesIO(PHOTO), "../../evil.png"), (io.BytesIO(b"bad"), "b")]})
    name = hashlib.sha256(PHOTO).hexdigest()
    assert sorted(path.name for path in folder.iterdir()) == [name, f"{name}.json"]
    assert (folder / name).read_bytes() == PHOTO
    answer = json.loads((folder / f"{name}.json").read_text())
    assert answer["width"] == 96
    assert "evil" not in str(answer)


def test_the_short_answer_keeps_and_counts_too(open_gateway, sample_photo, tmp_path):
    client = open_gateway(upload_folder=tmp_path)
    answer = client.post("/", data=sample_photo, content_type="image/jpeg").json
    name = hashlib.sha256(sample_photo).hexdigest()
    assert json.loads((tmp_path / f"{name}.json").read_text()) == answer
    label = "smiling" if answer["prob_smiling"] > 0.5 else "not smiling"
    before = read_metric(client, "gateway_found_total", model="smiling", label=label)
    client.post("/", data=sample_photo, content_type="image/jpeg")
    assert read_metric(client, "gateway_found_total", model="smiling", label=label) == before + 1


def read_metric(client, name, **labels):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if matches(sample, name, labels))


def matches(sample, name, labels):
    return sample.name == name and labels.items() <= sample.labels.items()


def test_kept_uploads_have_a_size_and_an_age(tmp_path):
    archive = Archive(tmp_path, max_bytes=1000, max_days=1)
    for number in range(10):
        archive.keep(Upload(None, bytes([number]) * 300), {"number": number})
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
    kept = [path for path in tmp_path.iterdir() if not path.suffix]
    assert {path.read_bytes()[0] for path in kept} == {8, 9}
    Archive(tmp_path, max_bytes=1000, max_days=1e-9).clean()
    assert list(tmp_path.iterdir()) == []


def test_workers_share_a_folder_of_kept_uploads(tmp_path):
    archives = [Archive(tmp_path, max_bytes=3000, max_days=1) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: archives[number % 2].keep(Upload(None, bytes([number]) * 300), {}), range(200)))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * 3000
    assert not list(tmp_path.glob(".part-*"))


def test_an_upload_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError("no space left on device")

    monkeypatch.setattr("gateway.operations.archive.os.replace", refuse)
    with pytest.raises(OSError, match="no space"):
        Archive(tmp_path, max_bytes=1000, max_days=1).keep(Upload(None, b"x"), {})
    assert list(tmp_path.iterdir()) == []


def test_log_lines_are_json_with_id_and_trace(open_gateway, capsys):
    client = open_gateway(log_format="json")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    post(client, headers={"X-Request-ID": "r-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["request_id"], line["trace"], line["status"], line["photos"]) == ("r-1", trace, 200, 1)
    assert line["inference"] > 0


def test_the_lines_of_a_fault_carry_the_id_too(open_gateway, monkeypatch, capsys):
    client = open_gateway(log_format="json")
    monkeypatch.setattr(client.application.extensions["gateway"].triton, "analyze", lambda *arguments: 1 / 0)
    post(client, headers={"X-Request-ID": "r-3"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["request_id"] for line in lines] == ["r-3", "r-3"]
    assert "ZeroDivisionError" in lines[0]["exception"]


def test_fault_of_ours_shows_no_more_than_an_id(open_gateway, monkeypatch, caplog):
    client = open_gateway()
    monkeypatch.setattr(client.application.extensions["gateway"].triton, "analyze", lambda *arguments: 1 / 0)
    logging.getLogger("gateway").propagate = True
    answer = post(client, headers={"X-Request-ID": "r-2"})
    assert answer.status_code == 500
    assert answer.json["detail"] == "the service failed; its log knows this as r-2"
    assert "ZeroDivisionError" in caplog.text
