"""The calls about what a project holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ._flow import Flow, PortT, Request, operation
from ._resource import Resource, given, once, read, revision, succeeded
from ._session import unexpected
from ._upload import Form, Upload
from ._versions import Comparison, ModelCard
from .answers import DatasetVersion, Deployment, Model, ModelVersion, Rollout, RolloutPolicy, Step, TrainingRun
from .errors import JobFailedError


class Datasets(Resource[PortT]):
    """Tables to train on."""

    @operation
    def upload(
        self,
        name: str,
        file: str | os.PathLike[str] | bytes,
        *,
        format: str | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[DatasetVersion]:
        """Uploads a file; a known name gets a further version. The file is streamed.

        Args:
            name: 1 to 63 of A-Z a-z 0-9 . _ -
            file: a path, or the bytes themselves.
            format: `csv` or `parquet`; for a path, its ending unless told.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Returns:
            The version, whose columns are being profiled: go on with `wait`.

        Raises:
            InvalidInputError: the name is not one.
            VolaryError: 413, the file is larger than the server takes.
        """
        upload = Upload(file, format)
        request = Request(
            "POST",
            self._session.in_project("datasets"),
            headers={"content-type": upload.media_type.encode(), **once(idempotency_key)},
            params={"name": name},
            content=upload,
        )
        return read(DatasetVersion, (yield from self._session.send(request)))

    @operation
    def get(self, name: str, version: int | None = None) -> Flow[DatasetVersion]:
        """A version of a dataset, the latest unless told.

        Raises:
            NotFoundError: there is none.
        """
        return self._find(name, version)

    @operation
    def wait(self, name: str, version: int | None = None, *, timeout: float = 600.0) -> Flow[DatasetVersion]:
        """Waits at most `timeout` seconds until the columns are profiled.

        Raises:
            JobFailedError: the file can not be read; the message names the row and the column.
            WaitTimeoutError: it takes longer.
        """
        return self._profiled(name, version, timeout)

    def _profiled(self, name: str, version: int | None, timeout: float) -> Flow[DatasetVersion]:
        if version is None:
            version = (yield from self._find(name, None)).version
        found = yield from self._session.until(
            lambda: self._find(name, version), lambda it: it.status != "profiling", timeout
        )
        if found.status != "ready":
            raise JobFailedError(found.error or "the dataset failed", error_code="dataset_failed")
        return found

    def _find(self, name: str, version: int | None) -> Flow[DatasetVersion]:
        segments = ("datasets", name) if version is None else _version("datasets", name, version)
        return self._call(DatasetVersion, "GET", *segments)


class TrainingRuns(Resource[PortT]):
    """Runs that make model versions."""

    @operation
    def create(
        self,
        dataset: str,
        *,
        target: str,
        model: str,
        task: str | None = None,
        algorithm: str = "auto",
        dataset_version: int | None = None,
        features: Sequence[str] | None = None,
        preprocessing: Mapping[str, Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
        split_method: str | None = None,
        split_column: str | None = None,
        folds: int | None = None,
        test_fraction: float | None = None,
        seed: int | None = None,
        max_seconds: int | None = None,
        max_memory_mb: int | None = None,
        max_predict_micros: int | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[TrainingRun]:
        """Queues a run; go on with `wait`.

        Args:
            dataset: the table's name.
            target: the column to predict.
            model: the model that gets a further version; made when it is new.
            task: `regression` or `classification`; judged by the target's values unless told.
            algorithm: `auto`, `k_nearest_neighbors`, `decision_tree`, `random_forest`, `gradient_boosting` or
                `histogram_boosting`; for a regression also `linear_regression`, `ridge`, `lasso`, `elastic_net`,
                `poisson`, `gamma` or `tweedie`, for a classification also `logistic_regression` or `naive_bayes`.
            dataset_version: the latest unless told.
            features: columns to learn from; all others than the target unless told.
            preprocessing: by column, what is not to be done as usual, such as `{"city": {"encode": "target"}}` or
                `{"age": {"impute": {"constant": 0}, "missing_indicator": True}}`.
            params: of the algorithm, such as `{"budget": 1.5}` for `gradient_boosting`.
            split_method: `random`; `stratified`, which holds out the same share of each class and is the default of a
                classification; `group`, which keeps rows together that have the same value in `split_column`; or
                `time`, which holds out the newest rows by it.
            split_column: what `group` and `time` go by; it is learned from only if `features` names it.
            folds: 2 to 10: also fits models to so many parts of the training rows; the metrics then have `folds` and,
                of each metric, `folds_<metric>` and `folds_<metric>_std`.
            test_fraction: share of the rows that is held out, 0 to 1.
            seed: of the split into training and held-out rows.
            max_seconds: after which the run fails.
            max_memory_mb: in MiB, with which the run fails.
            max_predict_micros: of `auto`: what takes longer to predict a row, in microseconds, is not chosen.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            InvalidInputError: a column does not exist or does not fit.
            NotFoundError: the dataset does not exist.
        """
        split = given(method=split_method, column=split_column, folds=folds, test_fraction=test_fraction, seed=seed)
        budget = given(seconds=max_seconds, memory_mb=max_memory_mb, max_predict_micros=max_predict_micros)
        body = given(
            dataset=dataset,
            dataset_version=dataset_version,
            target=target,
            task=task,
            model=model,
            algorithm=algorithm,
            features=list(features) if features is not None else None,
            preprocessing={name: dict(asked) for name, asked in preprocessing.items()} if preprocessing else None,
            params=dict(params) if params is not None else None,
            split=split or None,
            budget=budget or None,
        )
        return self._call(TrainingRun, "POST", "training-runs", body=body, headers=once(idempotency_key))

    @operation
    def get(self, id: str) -> Flow[TrainingRun]:
        """A run.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(TrainingRun, "GET", "training-runs", id)

    @operation
    def wait(self, id: str, *, timeout: float = 3600.0) -> Flow[TrainingRun]:
        """Waits at most `timeout` seconds until the run has succeeded.

        Raises:
            JobFailedError: it failed or was cancelled; the message says why and what to do.
            WaitTimeoutError: it takes longer.
        """
        run = yield from self._session.until(
            lambda: self._call(TrainingRun, "GET", "training-runs", id),
            lambda run: run.has_ended,
            timeout,
        )
        return succeeded(run)

    @operation
    def cancel(self, id: str) -> Flow[TrainingRun]:
        """Ends a run; a running one ends within moments of the answer.

        Raises:
            VolaryError: 409, it has ended already.
        """
        return self._call(TrainingRun, "POST", "training-runs", id, "cancel")

    @operation
    def rerun(self, id: str, *, idempotency_key: str | None = None) -> Flow[TrainingRun]:
        """Trains again what a run has trained; go on with `wait`, and look at `reproduction` then.

        Raises:
            NotFoundError: there is none.
            VolaryError: 409, the run made no version.
        """
        return self._call(TrainingRun, "POST", "training-runs", id, "rerun", headers=once(idempotency_key))


class Models(Resource[PortT]):
    """Models and their versions."""

    @operation
    def get(self, name: str) -> Flow[Model]:
        """A model with its versions and aliases.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(Model, "GET", "models", name)

    @operation
    def version(self, name: str, version: int) -> Flow[ModelVersion]:
        """A version: its signature, metrics and lineage.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(ModelVersion, "GET", *_version("models", name, version))

    @operation
    def compare(
        self,
        versions: Sequence[str] = (),
        *,
        runs: Sequence[str] = (),
        baseline: str | None = None,
        class_name: str | None = None,
    ) -> Flow[Comparison]:
        """2 to 10 versions and runs of one task beside each other.

        Args:
            versions: such as `price/3` or `price/@champion`.
            runs: ids of training runs.
            baseline: which of them the others are compared to; the first unless told.
            class_name: of a classification, the class that curves are of.

        Raises:
            InvalidInputError: they are too few, too many, or of different tasks.
            NotFoundError: one is not there.
        """
        params = given(version=list(versions) or None, run=list(runs) or None, baseline=baseline)
        if class_name is not None:
            params["class"] = class_name
        return self._call(Comparison, "GET", "compare", params=params)

    @operation
    def card(self, name: str, version: int) -> Flow[ModelCard]:
        """What to know of a version before relying on it.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(ModelCard, "GET", *_version("models", name, version), "card")

    @operation
    def write_card(self, name: str, version: int, markdown: str, *, if_match: int | None = None) -> Flow[ModelCard]:
        """Writes a version's card anew, at most 65,536 bytes of Markdown.

        Args:
            if_match: a `revision`: nothing is done when it is no longer the present one.

        Raises:
            VolaryError: 412, `if_match` lost; 413, the text is too long.
        """
        path = (*_version("models", name, version), "card")
        return self._call(ModelCard, "PUT", *path, body={"markdown": markdown}, headers=revision(if_match))

    @operation
    def export_onnx(self, name: str, version: int) -> Flow[bytes]:
        """A version as an ONNX file: one input for each of the signature's, with their preparation in the graph.

        Texts are string tensors, everything else doubles; all are of the shape `[rows, 1]`. NaN is a missing number or
        boolean, the empty text a missing text. A regression gives `prediction`, a classification `label` and
        `probabilities`. The file of an imported version is the one that was imported.

        Returns:
            The file's bytes, to write to a disk or for `onnxruntime.InferenceSession`.

        Raises:
            NotFoundError: there is no such version.
            InvalidInputError: the version has no ONNX form; the message says why, `.error_code` is `not_exportable`.
        """
        request = Request("GET", self._session.in_project(*_version("models", name, version), "onnx"))
        response = yield from self._session.send(request)
        if not response.headers.get("content-type", "").startswith("application/octet-stream"):
            raise unexpected(response, "an ONNX file")
        return response.content

    @operation
    def import_onnx(
        self,
        name: str,
        file: str | os.PathLike[str] | bytes,
        *,
        signature: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[ModelVersion]:
        """Makes an ONNX file the next version of a model, which is made when it is new. The file is tried out first.

        Args:
            name: 1 to 63 of A-Z a-z 0-9 . _ -
            file: a path, or the bytes themselves, at most 64 MiB.
            signature: what the file does not say, in the shape of a version's: `{"inputs": [{"name": "port",
                "categories": ["C", "S"]}], "output": {"name": "survived", "classes": ["no", "yes"]}}`.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            InvalidInputError: the file can not be run, or the signature does not fit it; the message says why.
            VolaryError: 409, the model is for another task; 413, the file is too large.
        """
        given = None if signature is None else json.dumps(dict(signature)).encode()
        form = Form(file, "signature", given)
        request = Request(
            "POST",
            self._session.in_project("models", name, "versions"),
            headers={"content-type": form.media_type.encode(), **once(idempotency_key)},
            content=form,
        )
        return read(ModelVersion, (yield from self._session.send(request)))

    @operation
    def connect_engine(
        self,
        name: str,
        *,
        url: str,
        model: str,
        version: str | None = None,
        token: str | None = None,
        timeout_ms: int | None = None,
        signature: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[ModelVersion]:
        """Makes a model of an engine that speaks the Open Inference Protocol the next version of a model here.

        Triton, KServe, MLServer and Ray Serve do. The engine is asked for its inputs and tried out first; from then
        on it computes what is predicted, and keys, limits, canaries and metrics stay here.

        Args:
            name: 1 to 63 of A-Z a-z 0-9 . _ -
            url: `https://host`; `http` and hosts that are not public only where the platform allows them.
            model: its name there.
            version: its version there; the engine chooses unless told.
            token: sent as `Authorization: Bearer`, kept and never shown.
            timeout_ms: what a request may take, up to 60,000; as long as any request unless told.
            signature: what the engine does not say, in the shape of a version's: names for the columns of a matrix,
                classes.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            InvalidInputError: the engine can not be reached or is not ready, or the signature does not fit; the message
                says why.
            VolaryError: 409, the model is for another task.
        """
        remote = given(protocol="oip_v2", url=url, model=model, version=version, token=token, timeout_ms=timeout_ms)
        body = given(remote=remote, signature=None if signature is None else dict(signature))
        headers = once(idempotency_key)
        return self._call(ModelVersion, "POST", "models", name, "versions", body=body, headers=headers)


class Deployments(Resource[PortT]):
    """What applications call by name."""

    @operation
    def put(self, name: str, *, model: str, version: int, if_match: int | None = None) -> Flow[Deployment]:
        """Makes a deployment; its first version is live at once. The same version again changes nothing.

        Args:
            if_match: a `revision`: nothing is done when it is no longer the present one.

        Raises:
            VolaryError: 409, another version is live (that takes a rollout); 412, `if_match` lost.
        """
        return self._call(
            Deployment,
            "PUT",
            "deployments",
            name,
            body={"model": model, "version": version},
            headers=revision(if_match),
            repeatable=if_match is None,
        )

    @operation
    def get(self, name: str) -> Flow[Deployment]:
        """A deployment and its rollout, if one is active.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(Deployment, "GET", "deployments", name)


class Rollouts(Resource[PortT]):
    """New versions, brought out beside the stable one."""

    @operation
    def start(
        self,
        deployment: str,
        version: int,
        *,
        mode: str = "canary",
        steps: Sequence[Step] | None = None,
        policy: RolloutPolicy | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[Rollout]:
        """Gives a version a share of the traffic; it is taken back by itself when it fails too often.

        Args:
            steps: shares in percent and how long each lasts in seconds; the server's unless told.
            policy: when the version is taken back; the server's unless told.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            VolaryError: 409, a rollout is active already.
        """
        body = given(
            version=version,
            mode=mode,
            steps=[asdict(step) for step in steps] if steps is not None else None,
            policy=given(**asdict(policy)) if policy is not None else None,
        )
        return self._call(Rollout, "POST", *_rollouts(deployment), body=body, headers=once(idempotency_key))

    @operation
    def get(self, deployment: str, id: str) -> Flow[Rollout]:
        """A rollout with its verdicts.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(Rollout, "GET", *_rollouts(deployment), id)

    @operation
    def promote(self, deployment: str, id: str, *, reason: str | None = None) -> Flow[Rollout]:
        """Makes the canary the stable version. The reason goes to the ledger.

        Raises:
            VolaryError: 409, the rollout has ended.
        """
        return self._end(deployment, id, "promote", reason)

    @operation
    def rollback(self, deployment: str, id: str, *, reason: str | None = None) -> Flow[Rollout]:
        """Sends all traffic back to the stable version. The reason goes to the ledger.

        Raises:
            VolaryError: 409, the rollout has ended.
        """
        return self._end(deployment, id, "rollback", reason)

    def _end(self, deployment: str, id: str, verb: str, reason: str | None) -> Flow[Rollout]:
        return self._call(
            Rollout,
            "POST",
            *_rollouts(deployment),
            id,
            verb,
            body=given(reason=reason),
            repeatable=False,
        )


def _rollouts(deployment: str) -> tuple[str, str, str]:
    return ("deployments", deployment, "rollouts")


def _version(noun: str, name: str, version: int) -> tuple[str, str, str, str]:
    return (noun, name, "versions", str(version))
