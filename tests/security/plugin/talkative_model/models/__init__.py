"""What lmms-eval reads of a plug-in that `LMMS_EVAL_PLUGINS` names: modules and the classes of models in them."""

AVAILABLE_MODELS = {"talkative": "Talkative"}
