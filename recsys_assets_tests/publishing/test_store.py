"""Bundles in an object store: what another machine gets, whatever is killed or damaged on the way."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing import store
from recsys_assets.publishing.manifest import verify_bundle
from recsys_assets.publishing.store import pull_bundle, push_bundles
from recsys_assets.publishing.switch import current_bundle, list_builds, rollback
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


def with_store(config: Config, url: str, **settings: object) -> Config:
    return config.model_copy(update={"store": config.store.model_copy(update={"url": url} | settings)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def builder(tmp_path: Path, folder: Path) -> Config:
    """A home with one published bundle."""
    config = with_store(load_config({"RECSYS_HOME": str(tmp_path / "builder")}), f"file://{folder}")
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    return config


@pytest.fixture
def follower(tmp_path: Path, folder: Path) -> Config:
    """A home on another machine."""
    return with_store(load_config({"RECSYS_HOME": str(tmp_path / "follower")}), f"file://{folder}")


def in_use(config: Config) -> str | None:
    bundle = current_bundle(config)
    return bundle and bundle.name


def test_a_follower_gets_the_bundle_in_use(builder: Config, follower: Config) -> None:
    pushed = push_bundles(builder)
    manifest = pull_bundle(follower)
    assert manifest is not None
    assert in_use(follower) == in_use(builder) == pushed.build_id
    verify_bundle(follower.published_path / pushed.build_id)
    assert pull_bundle(follower) is None


def test_what_is_there_is_not_sent_again(builder: Config) -> None:
    first = push_bundles(builder)
    assert first.n_files > 3
    assert push_bundles(builder).n_files == 0
    publish(builder, datetime(2024, 3, 2))
    assert 0 < push_bundles(builder).n_files < first.n_files


def test_a_rollback_is_followed(builder: Config, follower: Config) -> None:
    publish(builder, datetime(2024, 3, 2))
    push_bundles(builder)
    pull_bundle(follower)
    newest = in_use(follower)
    rollback(builder)
    push_bundles(builder)
    pull_bundle(follower)
    assert in_use(follower) == in_use(builder) != newest


def test_what_is_here_no_more_goes_from_the_store(builder: Config, follower: Config, folder: Path) -> None:
    from recsys_assets.publishing.retention import apply_retention

    push_bundles(builder)
    (folder / "somebody else's").write_text("stays")
    pull_bundle(follower)
    for day in (2, 3):
        publish(builder, datetime(2024, 3, day))
    few = builder.model_copy(update={"publishing": builder.publishing.model_copy(update={"keep_bundles": 1})})
    apply_retention(few)
    assert push_bundles(few).n_removed > 0
    assert (folder / "somebody else's").exists()
    kept = {entry.sha256 for manifest in list_builds(few) for entry in manifest.files.values()}
    assert {path.name for path in (folder / "objects").iterdir()} == kept
    assert [path.stem for path in (folder / "manifests").iterdir()] == [in_use(few)]
    pull_bundle(follower)
    assert [manifest.build_id for manifest in list_builds(follower)] == [in_use(few)]


@pytest.mark.parametrize("step", range(1, 8))
def test_a_push_that_is_killed_leaves_the_bundle_before(
    builder: Config, follower: Config, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    push_bundles(builder)
    pull_bundle(follower)
    before = in_use(follower)
    publish(builder, datetime(2024, 3, 2))
    opened, calls = store._open_store(builder), 0

    class Dying:
        def __getattr__(self, name: str) -> object:
            return getattr(opened, name)

        def put(self, *arguments: object) -> None:
            nonlocal calls
            calls += 1
            if calls == step:
                raise KeyboardInterrupt
            opened.put(*arguments)

    monkeypatch.setattr(store, "_open_store", lambda config: Dying())
    try:
        push_bundles(builder)
    except KeyboardInterrupt:
        expected = before
    else:
        expected = in_use(builder)
    monkeypatch.undo()
    pull_bundle(follower)
    assert in_use(follower) == expected
    push_bundles(builder)
    pull_bundle(follower)
    assert in_use(follower) == in_use(builder)


def test_a_damaged_object_is_not_taken(builder: Config, follower: Config, folder: Path) -> None:
    push_bundles(builder)
    pull_bundle(follower)
    before = in_use(follower)
    publish(builder, datetime(2024, 3, 2))
    push_bundles(builder)
    new = list_builds(builder)[-1].files["recsys.duckdb"].sha256
    content = bytearray((folder / "objects" / new).read_bytes())
    content[100] ^= 1
    (folder / "objects" / new).write_bytes(content)
    with pytest.raises(RecsysError, match=r"recsys\.duckdb"):
        pull_bundle(follower)
    assert in_use(follower) == before
    assert [path.name for path in follower.published_path.glob("2*")] == [before]


def test_a_manifest_that_leads_out_of_the_bundle_is_refused(builder: Config, follower: Config, folder: Path) -> None:
    pushed = push_bundles(builder)
    path = folder / "manifests" / f"{pushed.build_id}.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"]["../../escaped"] = manifest["files"]["recsys.duckdb"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(RecsysError, match=r"has another manifest than it should"):
        pull_bundle(follower)
    (folder / "current.json").write_text(
        json.dumps({"build_id": pushed.build_id, "manifest_sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    )
    with pytest.raises(RecsysError, match=r"which lies outside of it"):
        pull_bundle(follower)
    assert not (follower.home / "escaped").exists()


def test_sentences(builder: Config, follower: Config, tmp_path: Path) -> None:
    with pytest.raises(RecsysError, match=r"The store holds no bundle: is store.url right"):
        pull_bundle(follower)
    with pytest.raises(RecsysError, match=r"makes its own bundles: pull into a home of its own"):
        pull_bundle(builder)
    with pytest.raises(RecsysError, match=r"Nothing is published yet"):
        push_bundles(follower)
    with pytest.raises(RecsysError, match=r"store.url says where bundles go"):
        push_bundles(load_config({"RECSYS_HOME": str(tmp_path / "builder")}))
    with pytest.raises(RecsysError, match=r"store.url nowhere://x is not usable"):
        push_bundles(with_store(builder, "nowhere://x"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that speaks S3, with the bucket `bundles`; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    import boto3

    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="bundles")
    yield f"http://{host}:{port}"
    server.stop()


def test_over_s3(builder: Config, follower: Config, s3: str) -> None:
    settings = {"options": {"endpoint": s3}, "allow_http": True}
    here, there = (with_store(config, "s3://bundles/shop", **settings) for config in (builder, follower))
    push_bundles(here)
    pull_bundle(there)
    publish(here, datetime(2024, 3, 2))
    assert push_bundles(here).n_files > 0
    assert pull_bundle(there) is not None
    assert in_use(there) == in_use(here)
    verify_bundle(there.published_path / str(in_use(there)))
    with pytest.raises(RecsysError, match=r"The store holds no bundle"):
        pull_bundle(with_store(there, "s3://no-such-bucket/shop", **settings))
    nobody = {"options": {"endpoint": "http://127.0.0.1:9"}, "allow_http": True, "timeout_seconds": 1.0}
    with pytest.raises(RecsysError, match=r"The store cannot be read from: "):
        pull_bundle(with_store(there, "s3://bundles/shop", **nobody))
    with pytest.raises(RecsysError, match=r"The store cannot be written to: "):
        push_bundles(with_store(here, "s3://bundles/shop", **nobody))


def test_a_store_that_holds_something_else_is_told(builder: Config, follower: Config, folder: Path) -> None:
    pushed = push_bundles(builder)
    (folder / "current.json").write_text("{")
    with pytest.raises(RecsysError, match=r"current\.json is damaged: `recsys push` writes it anew"):
        pull_bundle(follower)
    manifest = json.loads((folder / "manifests" / f"{pushed.build_id}.json").read_bytes())

    def name(build_id: str, content: bytes) -> None:
        (folder / "manifests" / f"{build_id}.json").parent.mkdir(parents=True, exist_ok=True)
        (folder / "manifests" / f"{build_id}.json").write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        (folder / "current.json").write_text(json.dumps({"build_id": build_id, "manifest_sha256": checksum}))

    name("later", json.dumps(manifest | {"build_id": "later", "format": 2}).encode())
    with pytest.raises(RecsysError, match=r"later is of another version"):
        pull_bundle(follower)
    name("a/b", json.dumps(manifest | {"build_id": "a/b"}).encode())
    with pytest.raises(RecsysError, match=r"bears no name of a bundle"):
        pull_bundle(follower)
    name("other", json.dumps(manifest).encode())
    with pytest.raises(RecsysError, match=r"bears no name of a bundle"):
        pull_bundle(follower)
    assert in_use(follower) is None
    push_bundles(builder)
    assert pull_bundle(follower) is not None


def test_an_old_bundle_that_goes_from_the_store_goes_here_though_the_one_in_use_stays(
    builder: Config, follower: Config
) -> None:
    push_bundles(builder)
    pull_bundle(follower)
    old = str(in_use(follower))
    publish(builder, datetime(2024, 3, 2))
    push_bundles(builder)
    pull_bundle(follower)
    shutil.rmtree(builder.published_path / old)
    push_bundles(builder)
    assert pull_bundle(follower) is None
    assert [manifest.build_id for manifest in list_builds(follower)] == [in_use(builder)]
