"""``ragkit evaluate``: how well questions are answered, and drafts of questions to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.evaluate_gates import read_floors, verdict
from ragkit.cli.options import debug_option, index_option, preset_option
from ragkit.cli.terminal import echo_json
from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.evaluate.dataset import Passage, Question
    from ragkit.evaluate.run import Outcome
    from ragkit.evaluate.system import System

__all__ = ["evaluate"]

_RETRIEVERS = ("lexical", "dense", "hybrid", "tfidf", "bm25")
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--passages", multiple=True, type=_FILE, metavar="FILE", help="JSONL; repeatable.")
@click.option("--questions", multiple=True, type=_FILE, metavar="FILE", help="JSONL; repeatable.")
@click.option(
    "--data", type=_FOLDER, metavar="DIR", help="Ask about this folder instead of --passages."
)
@index_option
@click.option("--retriever", type=click.Choice(_RETRIEVERS), help="Default: the one of the preset.")
@preset_option
@click.option(
    "--compare",
    nargs=2,
    metavar="PRESET PRESET",
    help="Ask two presets the same questions and test the difference; PRESET:RETRIEVER works too.",
)
@click.option("--answers", is_flag=True, help="Also judge the answers and when they are refused.")
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["lang", "source"]),
    help="Also report each language, or each source, by itself; repeatable.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N questions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--report", type=_FILE, metavar="FILE", help="Also write an HTML report with plots.")
@click.option(
    "--fail-under",
    "thresholds",
    multiple=True,
    metavar="METRIC=X",
    help="Exit with status 4 when the metric (or by.LANG.METRIC) is below X; repeatable.",
)
@click.option(
    "--from-folder", type=_FOLDER, metavar="DIR", help="Draft questions on this folder, as JSONL."
)
@click.option(
    "--feedback", is_flag=True, help="Ask what was rated in the chat about the folder of --data."
)
@click.option(
    "--questions-out",
    type=_FILE,
    metavar="FILE",
    help="Where the drafts go (default: stdout); with --feedback the rated questions.",
)
@debug_option
def evaluate(
    *,
    passages: tuple[Path, ...],
    questions: tuple[Path, ...],
    data: Path | None,
    index: str | None,
    retriever: str | None,
    preset: str | None,
    compare: tuple[str, str] | None,
    answers: bool,
    by: tuple[str, ...],
    sample: int | None,
    as_json: bool,
    report: Path | None,
    thresholds: tuple[str, ...],
    from_folder: Path | None,
    feedback: bool,
    questions_out: Path | None,
) -> int:
    """Ask the questions of a test set and say how often what is right was found and said.

    Give --passages and --questions, or --data and --questions, or --data and --feedback; or
    --from-folder to draft questions.

    Exit status: 0 measured, 4 below a --fail-under, 2 bad usage or configuration, 1 other failure.
    """
    if from_folder is not None:
        from ragkit.cli.evaluate_draft import draft

        if passages or questions or data or feedback:
            raise click.UsageError("--from-folder drafts questions. Ask them in a second run.")
        return draft(from_folder, out=questions_out, preset=preset, number=sample)
    _check_usage(passages, questions, data, index, questions_out, feedback)
    if feedback and questions_out:
        from ragkit.cli.evaluate_feedback import write_rated

        assert data is not None
        return write_rated(data, questions_out)
    if compare and (preset or retriever):
        raise click.UsageError(
            "--compare names both presets. Leave --preset and --retriever out, or write "
            "PRESET:RETRIEVER."
        )
    _check_writable(report)
    floors = read_floors(thresholds, by=by, answers=answers)
    runs = [_chosen(name) for name in compare] if compare else [(preset, retriever)]
    _check_settings(runs)
    asked = _Asked.load(passages, questions, data, index, sample, answers)
    done = [asked.run(chosen, kind, by) for chosen, kind in runs]
    if compare:
        _finish_comparison(done, as_json=as_json, page=report)
    else:
        _finish(done[0], as_json=as_json, page=report)
    return verdict(done[-1][0], floors)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The questions, what is right, and where to look for it."""

    passages: Sequence[Passage]
    questions: Sequence[Question]
    gold: Mapping[str, frozenset[str]]
    data: Path | None
    index: str | None
    answers: bool

    @classmethod
    def load(
        cls,
        passages: Sequence[Path],
        questions: Sequence[Path],
        data: Path | None,
        index: str | None,
        sample: int | None,
        answers: bool,
    ) -> _Asked:
        """Read the files; a sample is of the questions alone."""
        from ragkit.evaluate import dataset
        from ragkit.evaluate.metrics import load_ir_measures
        from ragkit.evaluate.run import sample_questions
        from ragkit.evaluate.text_metrics import load_bleu

        load_ir_measures()  # before anything is indexed in vain
        if answers:
            load_bleu()
        if data and not questions:
            from ragkit.cli.evaluate_feedback import rated_questions

            read, rated = rated_questions(data)
            chosen = sample_questions(rated, sample)
            return cls(read, chosen, dataset.gold_sources(chosen, read), data, index, answers)
        read = dataset.load_passages(questions if data else passages)
        if data:
            chosen = sample_questions(dataset.load_folder_questions(questions, read), sample)
            gold = dataset.gold_sources(chosen, read)
        else:
            chosen = sample_questions(dataset.load_questions(questions, read), sample)
            gold = dataset.gold_passages(read, chosen)
        return cls(read, chosen, gold, data, index, answers)

    def run(
        self, preset: str | None, retriever: str | None, by: Sequence[str]
    ) -> tuple[dict[str, Any], list[Outcome]]:
        """Ask one preset; return its report and what came of each question."""
        from ragkit.cli.evaluate_tables import asking_progress
        from ragkit.evaluate.run import ask_questions
        from ragkit.evaluate.summary import summarize

        with self._system(preset, retriever) as system, asking_progress() as progress:
            outcomes = ask_questions(
                system, self.questions, self.gold, answers=self.answers, progress=progress
            )
            names = {"retriever": system.retriever}
            return names | summarize(outcomes, by=by) | {"preset": system.preset}, outcomes  # type: ignore[arg-type]

    def _system(self, preset: str | None, retriever: str | None) -> AbstractContextManager[System]:
        from ragkit.cli.progress import index_progress
        from ragkit.evaluate.system import folder_system, passage_system

        if self.data is None:
            return passage_system(
                self.passages,
                preset=preset,
                retriever=retriever,
                answers=self.answers,
                status=_status,
            )
        return folder_system(
            self.data,
            self.passages,
            index=self.index,
            preset=preset,
            retriever=retriever,
            answers=self.answers,
            status=_status,
            progress=index_progress,
        )


def _status(line: str) -> None:
    click.echo(line, err=True)


def _check_usage(
    passages: Sequence[Path],
    questions: Sequence[Path],
    data: Path | None,
    index: str | None,
    questions_out: Path | None,
    feedback: bool,
) -> None:
    if feedback:
        if data is None or questions or passages:
            raise click.UsageError(
                "--feedback asks what was rated about a folder. Give --data DIR, and neither "
                "--passages nor --questions."
            )
        return
    if questions_out is not None:
        raise click.UsageError(
            "--questions-out is where --from-folder or --feedback writes. Add one of them."
        )
    if data is not None and passages:
        raise click.UsageError("Give --passages or --data, not both: where to look is one of them.")
    if data is None and index is not None:
        raise click.UsageError("--index is the index of a folder: add --data DIR.")
    if not questions or (data is None and not passages):
        raise click.UsageError(
            "Give --passages FILE and --questions FILE, or --data DIR and --questions FILE. "
            "To draft questions on a folder: --from-folder DIR."
        )


def _chosen(name: str) -> tuple[str, str | None]:
    """Split ``PRESET`` or ``PRESET:RETRIEVER``."""
    preset, _, retriever = name.partition(":")
    if retriever and retriever not in _RETRIEVERS:
        raise ConfigError(
            f"--compare {name!r} names no retriever. Known: {', '.join(_RETRIEVERS)}."
        )
    return preset, retriever or None


def _check_settings(runs: Sequence[tuple[str | None, str | None]]) -> None:
    """Raise ConfigError for a preset or retriever that cannot be used, before files are read."""
    from ragkit.config import load_config

    for preset, retriever in runs:
        load_config(arguments={"preset": preset, "retriever.kind": retriever})


def _check_writable(report: Path | None) -> None:
    if report is not None and not report.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder '{report.parent}' for --report. Make it first.")


def _finish(
    done: tuple[dict[str, Any], list[Outcome]], *, as_json: bool, page: Path | None
) -> None:
    report, outcomes = done
    if page is not None:
        from ragkit.evaluate.page import report_page

        _write(page, report_page(report, outcomes))
    if as_json:
        echo_json(report)
        return
    from ragkit.cli.evaluate_tables import print_report

    print_report(report)


def _finish_comparison(
    done: Sequence[tuple[dict[str, Any], list[Outcome]]], *, as_json: bool, page: Path | None
) -> None:
    from ragkit.evaluate.compare import compare_outcomes

    reports = [report for report, _ in done]
    outcomes = [found for _, found in done]
    compared = compare_outcomes(*outcomes)
    if page is not None:
        from ragkit.evaluate.page import comparison_page

        _write(page, comparison_page(compared, reports, outcomes))
    if as_json:
        echo_json({"compare": compared, "reports": reports})
        return
    from ragkit.cli.evaluate_tables import print_comparison

    print_comparison(compared, reports)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror or error}.") from error
    click.echo(f"Report: {path}", err=True)
