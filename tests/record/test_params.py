from omegaconf import OmegaConf

from labloom.record.params import config_params, config_yaml, job_params, stable_text


def test_every_leaf_is_a_param_under_its_dotted_key():
    config = OmegaConf.create({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": "${a.b}", "f": {}})

    assert config_params(config) == {"a.b": "1", "a.c": "[1, 2]", "d": "null", "e": "1", "f": "{}"}


def test_numbers_are_written_in_full():
    assert stable_text(0.1 + 0.2) == "0.30000000000000004"
    assert stable_text(True) == "true"


def test_chosen_option_of_a_group_is_a_param_under_the_groups_name(make_job):
    params = job_params(make_job())

    assert params["model"] == "toy_net"
    assert params["optimizer.lr"] == "0.01"


def test_config_file_hides_secrets():
    assert (
        config_yaml({"db": {"password": "pw", "port": 1}}) == "db:\n  password: '***'\n  port: 1\n"
    )
