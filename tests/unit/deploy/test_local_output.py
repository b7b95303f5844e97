"""Lines of many services in one stream."""

import io

from deploy.local.output import Output


def test_each_line_has_its_service_in_front() -> None:
    stream = io.StringIO()
    output = Output(stream, ["agent", "processor"], colour=False)
    output.line("agent", "hello")
    output.say("one\ntwo")
    assert stream.getvalue() == "agent     | hello\nstack     | one\nstack     | two\n"


def test_colour_marks_the_prefix_only_and_differs_by_service() -> None:
    stream = io.StringIO()
    output = Output(stream, ["agent", "processor"], colour=True)
    output.line("agent", "hello")
    output.line("processor", "hello")
    assert stream.getvalue() == "\x1b[36magent     |\x1b[0m hello\n\x1b[33mprocessor |\x1b[0m hello\n"


def test_a_reader_who_went_away_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Output(stream, ["agent"], colour=False).say("still here")
