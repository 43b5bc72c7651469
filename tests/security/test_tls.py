"""A server that speaks HTTPS is found and trusted by its owner's programs, and by no one's who shows another face."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_lmms_eval import AsyncEvalClient, EvalClient, ServerArgs
from jupyter_lmms_eval.api.app import exposure
from jupyter_lmms_eval.discovery import Liveness, running_servers
from jupyter_lmms_eval.discovery.certificate import own_certificate, trusting
from jupyter_lmms_eval.hosting.tls import TlsUnusable, check_certificate
from jupyter_lmms_eval.serverext.upstream import Upstream
from tests.conftest import IMPORTS_NOTHING, Server, alone, run_server

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def make_certificate(folder: Path, name: str, *options: str) -> tuple[str, str]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate), *(options or ["-nodes"])]
    subprocess.run(command, check=True, capture_output=True)
    return str(certificate), str(key)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder, "node-1.example.org")
    # Its owner's programs ask it as localhost, whatever its certificate is for.
    arguments = (f"--tls-certificate={certificate}", f"--tls-key={key}", "--cpu-slots", "1")
    with alone(folder / "runtime"), run_server(folder / "state", IMPORTS_NOTHING, *arguments) as server:
        yield server


def test_every_program_of_its_owner_trusts_it(secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secure.url.startswith("https://localhost:")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert secure.client.is_healthy()
    assert EvalClient().health()["server_id"] == secure.record.id, "it is found"
    assert EvalClient(secure.url).health()["server_id"] == secure.record.id, "its address is enough"
    assert [one.liveness for one in running_servers()] == [Liveness.ALIVE]

    async def others() -> None:
        async with AsyncEvalClient() as client:
            assert (await client.health())["server_id"] == secure.record.id
        upstream = Upstream()
        assert (await upstream.get_json(secure.record, "/health", 5.0))["server_id"] == secure.record.id
        await upstream.close()

    asyncio.run(others())


def test_the_cookie_is_for_https_only(secure: Server) -> None:
    context = trusting(secure.record.certificate)
    answer = httpx.get(f"{secure.url}/docs", params={"token": secure.token}, verify=context)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_another_certificate_is_not_trusted(secure: Server, tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "node-1.example.org")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(secure.url, verify=trusting(own_certificate(certificate)))
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(secure.url)


def test_nobody_gets_through_in_plain_text(secure: Server) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(secure.url.replace("https:", "http:"))
    assert trusting(secure.record.certificate).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("mistake", ["missing", "swapped", "another key", "with passphrase", "key alone", "no pem"])
def test_a_certificate_that_cannot_be_used_is_named_before_anything_starts(mistake: str, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "a")
    _, other = make_certificate(tmp_path, "b")
    said = {
        "missing": (str(tmp_path / "none.pem"), key, "cannot be read"),
        "swapped": (key, certificate, "are not a certificate and its key"),
        "another key": (certificate, other, "are not a certificate and its key"),
        "with passphrase": (*make_certificate(tmp_path, "c", "-passout", "pass:secret"), "is encrypted"),
        "key alone": (None, key, "give --tls-certificate too"),
        "no pem": (__file__, key, "holds no certificate in PEM"),
    }
    used, its_key, sentence = said[mistake]
    with pytest.raises(TlsUnusable, match=sentence):
        check_certificate(ServerArgs(tls_certificate=used, tls_key=its_key))


def test_a_server_in_a_terminal_says_so_and_does_not_start(tmp_path: Path) -> None:
    from tests.hosting.test_launch import serve

    ended = serve("--port", "0", "--state-dir", str(tmp_path / "s"), "--tls-certificate", "/nowhere/cert.pem")
    assert (ended.returncode, ended.stderr) == (1, "/nowhere/cert.pem cannot be read: No such file or directory\n")
    assert not (tmp_path / "s").exists()


def test_one_file_may_hold_both_and_the_chain_is_not_trusted(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "a")
    signer, _ = make_certificate(tmp_path, "authority")
    both = tmp_path / "both.pem"
    both.write_text(Path(certificate).read_text() + Path(signer).read_text() + Path(key).read_text())
    check_certificate(ServerArgs(tls_certificate=str(both)))
    assert own_certificate(both) == own_certificate(certificate)
    assert len(trusting(own_certificate(both)).get_ca_certs(binary_form=True)) <= 1


def test_who_listens_for_other_machines_is_told_what_it_means(start_server: Callable[..., Server]) -> None:
    assert exposure(ServerArgs()) == []
    (plain,) = exposure(ServerArgs(host="0.0.0.0"))
    assert "runs code here as you" in plain
    assert "--tls-certificate" in plain
    (encrypted,) = exposure(ServerArgs(host="0.0.0.0", tls_certificate="a", tls_key="b"))
    assert "not encrypted" not in encrypted
    server = start_server(IMPORTS_NOTHING, "--host", "0.0.0.0", "--cpu-slots", "1")
    assert plain in server.client.health()["notices"]
    assert server.log.read_text().count("Other machines reach this server") == 1


@pytest.mark.parametrize(("token", "said"), [("", "keep the token"), ("short", "can be guessed")])
def test_other_machines_are_not_met_with_an_open_door(token: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ServerArgs(host="0.0.0.0", token=token)
    assert ServerArgs(host="127.0.0.1", token=token).token == token
