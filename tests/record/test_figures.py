import numpy as np
import pytest
from PIL import Image

from labloom.record import open_run
from labloom.record.figures import confusion_matrix_figure, image_grid_figure, save_figure


@pytest.mark.parametrize("classes", [1, 2, 10, 40, 200])
def test_confusion_matrix_is_a_picture_for_any_number_of_classes(tmp_path, classes):
    counts = np.random.default_rng(0).integers(0, 20, (classes, classes))

    path = save_figure(confusion_matrix_figure(counts), tmp_path / "confusion")

    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 400


def test_confusion_matrix_says_how_many_were_right():
    figure = confusion_matrix_figure([[8, 2], [0, 10]], ["cat", "dog"])

    assert "90.0% of 20 right" in {figure.axes[0].get_title("right")}


def test_class_that_never_came_does_not_disturb(tmp_path):
    save_figure(confusion_matrix_figure([[0, 0], [0, 3]]), tmp_path / "confusion")


def test_confusion_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match=r"expected counts \[c, c\], got shape \[2, 3\]"):
        confusion_matrix_figure(np.zeros((2, 3)))


def test_names_that_do_not_go_with_the_classes_are_refused():
    with pytest.raises(ValueError, match="expected 2 class names, got 1"):
        confusion_matrix_figure(np.zeros((2, 2)), ["cat"])


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3)])
def test_images_are_drawn_in_a_grid(tmp_path, shape):
    images = [np.full(shape, 0.5, dtype=np.float32)] * 7

    path = save_figure(image_grid_figure(images, ["true\nother 90%"] * 7, 3), tmp_path / "grid")

    with Image.open(path) as image:
        assert image.height > image.width / 2


def test_captions_that_do_not_go_with_the_images_are_refused():
    with pytest.raises(ValueError, match="got 1 images and 2 captions"):
        image_grid_figure([np.zeros((2, 2))], ["a", "b"])


def test_plotly_figure_is_a_page_that_needs_no_network(tmp_path):
    go = pytest.importorskip("plotly.graph_objects")

    path = save_figure(go.Figure(go.Scatter(y=[1, 2])), tmp_path / "history")

    assert path.suffix == ".html"
    assert path.stat().st_size > 1_000_000


def test_something_else_than_a_figure_is_refused(tmp_path):
    with pytest.raises(TypeError, match="expected a matplotlib or plotly figure, got str"):
        save_figure("picture", tmp_path / "x")


def test_figure_of_a_run_is_an_artifact(store, make_job):
    with open_run(make_job()) as run:
        run.log_figure("val/confusion_matrix", confusion_matrix_figure([[1, 0], [0, 1]]))

    path = store.client.download_artifacts(run.id, "figures/val/confusion_matrix.png")
    with Image.open(path) as image:
        assert image.format == "PNG"


def test_figures_of_several_steps_are_a_series(store, make_job):
    with open_run(make_job()) as run:
        for step in (1, 2):
            run.log_figure("worst", confusion_matrix_figure([[1, 0], [0, 1]]), step=step)

    names = [item.path for item in store.client.list_artifacts(run.id, "images")]
    assert sum(name.endswith(".png") for name in names) == 2
    assert store.get_run(run.id).data.tags["mlflow.loggedImages"] == "True"


def test_figure_that_cannot_be_drawn_does_not_stop_the_run(make_job, caplog):
    with open_run(make_job()) as run:
        run.log_figure("broken", object())

    assert "figure 'broken' is not recorded" in caplog.text
