"""Figures as files for a paper."""

import cv2
import plotly.graph_objects as go
import pytest

from bcauto.page.figure_files import check_figure_folder, write_figures
from bcauto.page.parts import Figure


@pytest.mark.browser
def test_each_figure_is_written_as_svg_pdf_and_png(browser, tmp_path):
    drawn = go.Figure(go.Scatter(x=[1, 2], y=[0.25, 0.75], error_y={"array": [0.1, 0.1]}))
    drawn.update_layout(xaxis={"title": "epoch"}, yaxis={"title": "score (0 to 1)"})
    figures = [Figure("first", drawn, "The score.", "A line.", height=300)]
    check_figure_folder(tmp_path / "new")
    files = write_figures(figures, tmp_path / "new")
    assert [file.name for file in files] == ["first.svg", "first.pdf", "first.png"]
    svg, pdf, png = files
    assert 'width="720" height="300"' in svg.read_text()
    assert {"epoch", "score (0 to 1)"} <= set(svg.read_text().replace("<", ">").split(">"))
    assert "errorbar" in svg.read_text()
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert cv2.imread(str(png)).shape == (900, 2160, 3)
    assert (tmp_path / "new" / "captions.txt").read_text() == "first: The score.\n\n"


def test_what_is_missing_is_said_before_any_work(tmp_path, monkeypatch, refused):
    (tmp_path / "file").touch()
    with refused("--figures must be a folder that can be written to"):
        check_figure_folder(tmp_path / "file")
    monkeypatch.setattr("bcauto.page.figure_files.find_spec", lambda name: None)
    with refused(r"--figures needs Kaleido, which is not installed: pip install"):
        check_figure_folder(tmp_path)
