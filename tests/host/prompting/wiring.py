"""How each way of prompting is wired, on the original and on the erased model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.graph import Output

from .files import LORA
from .scene import CIRCLE, Asked, Scene

Pair = tuple[Asked, Asked]  # of the original and of the erased model
Wire = Callable[[Scene], Pair]


def prompt(positive: str, negative: str = "") -> Wire:
    """The same texts to both models."""
    return lambda scene: (
        scene.ask(scene.model, positive, negative),
        scene.ask(scene.erased, positive, negative),
    )


def conditioning(make: Callable[[Scene], Output]) -> Wire:
    """The same CONDITIONING to both models."""

    def wire(scene: Scene) -> Pair:
        positive = make(scene)
        return scene.ask(scene.model, positive), scene.ask(scene.erased, positive)

    return wire


def node(kind: str, **inputs: Any) -> Wire:
    """A node behind both models."""
    return behind(lambda scene, model: scene.add(kind, model=model, **inputs)[0])


def behind(make: Callable[[Scene, Output], Output]) -> Wire:
    """What is made of either model."""
    return lambda scene: (scene.ask(make(scene, scene.model)), scene.ask(make(scene, scene.erased)))


def merged(kind: str, **ratios: float) -> Wire:
    """The erased model merged with the original; the control is the original merged with itself."""
    return behind(lambda scene, model: scene.add(kind, model1=model, model2=scene.model, **ratios)[0])


def skip(scene: Scene) -> Output:
    """CLIP that stops a layer early."""
    return scene.add("CLIPSetLastLayer", clip=scene.clip, stop_at_clip_layer=-2)[0]


def skip_before_all(scene: Scene) -> Pair:
    clip = skip(scene)
    return scene.ask(scene.model, clip=clip), scene.ask(scene.forget(clip=clip)[0], clip=clip)


def skip_before_prompt(scene: Scene) -> Pair:
    clip = skip(scene)
    return scene.ask(scene.model, clip=clip), scene.ask(scene.erased, clip=clip)


def skip_before_erasing(scene: Scene) -> Pair:
    return scene.ask(scene.model), scene.ask(scene.forget(clip=skip(scene))[0])


def combine(scene: Scene) -> Output:
    both = {"conditioning_1": scene.say(CIRCLE), "conditioning_2": scene.say("a red thing")}
    return scene.add("ConditioningCombine", **both)[0]


def average(scene: Scene) -> Output:
    texts = {"conditioning_to": scene.say(CIRCLE), "conditioning_from": scene.say("a red thing")}
    return scene.add("ConditioningAverage", **texts, conditioning_to_strength=0.7)[0]


def concatenate(scene: Scene) -> Output:
    texts = {"conditioning_to": scene.say("a picture"), "conditioning_from": scene.say(CIRCLE)}
    return scene.add("ConditioningConcat", **texts)[0]


def in_area(scene: Scene) -> Output:
    whole = {"width": 128, "height": 128, "x": 0, "y": 0, "strength": 1.0}
    area = scene.add("ConditioningSetArea", conditioning=scene.say(CIRCLE), **whole)[0]
    return scene.add("ConditioningCombine", conditioning_1=area, conditioning_2=scene.say("a red thing"))[0]


def by_steps(scene: Scene) -> Output:
    parts = [
        scene.add("ConditioningSetTimestepRange", conditioning=scene.say(text), start=start, end=end)[0]
        for text, start, end in ((CIRCLE, 0.0, 0.6), ("a red thing", 0.6, 1.0))
    ]
    return scene.add("ConditioningCombine", conditioning_1=parts[0], conditioning_2=parts[1])[0]


def hooked(kind: str, **inputs: Any) -> Callable[[Scene], Output]:
    """CONDITIONING with a hook whose strength rises from 0 to 1 as the picture is drawn."""

    def make(scene: Scene) -> Output:
        rise = {"strength_start": 0.0, "strength_end": 1.0, "start_percent": 0.0, "end_percent": 1.0}
        more = {"interpolation": "linear", "keyframes_count": 4, "print_keyframes": False}
        keyframes = scene.add("CreateHookKeyframesInterpolated", **rise, **more)[0]
        hooks = scene.add("SetHookKeyframes", hooks=scene.add(kind, **inputs)[0], hook_kf=keyframes)[0]
        whole = {"strength": 1.0, "set_cond_area": "default"}
        return scene.add("ConditioningSetProperties", cond_NEW=scene.say(CIRCLE), hooks=hooks, **whole)[0]

    return make


def lora(scene: Scene, model: Output) -> tuple[Output, Output]:
    """MODEL and CLIP with a LoRA on both."""
    strengths = {"strength_model": 1.0, "strength_clip": 1.0}
    loaded = scene.add("LoraLoader", model=model, clip=scene.clip, lora_name=LORA, **strengths)
    return loaded[0], loaded[1]


def lora_before(scene: Scene) -> Pair:
    model, clip = lora(scene, scene.model)
    return scene.ask(model, clip=clip), scene.ask(scene.forget(model, clip)[0], clip=clip)


def lora_behind(scene: Scene) -> Pair:
    (original, clip), (erased, _) = lora(scene, scene.model), lora(scene, scene.erased)
    return scene.ask(original, clip=clip), scene.ask(erased, clip=clip)


def brought_back(scene: Scene, model: Output) -> Output:
    """`model` with what the erasure took away added again, as a LoRA that was made to do so would."""
    difference = scene.add("ModelMergeSubtract", model1=scene.model, model2=scene.erased, multiplier=1.0)[0]
    return model if model is scene.model else scene.add("ModelMergeAdd", model1=model, model2=difference)[0]


def second_attention(text: str, seen: str, scale: float) -> Wire:
    """Attention to what is `seen` by weights of its own, beside that to the `text`."""

    def wire(scene: Scene) -> Pair:
        patch = {"seen": scene.say(seen), "scale": scale}
        original, erased = (
            scene.add("ProbeSecondAttention", model=model, **patch)[0] for model in (scene.model, scene.erased)
        )
        return scene.ask(original, text), scene.ask(erased, text)

    return wire


def other_tokens(scene: Scene) -> Pair:
    """The circle comes from a patch; the prompt does not name it."""
    first, second = (
        scene.add("ProbeOtherTokens", model=model, tokens=scene.say(CIRCLE))[0] for model in (scene.model, scene.erased)
    )
    return scene.ask(first, "a red thing"), scene.ask(second, "a red thing")


def controlled(scene: Scene) -> Output:
    network = scene.add("ProbeControlNet", model=scene.model, size=0.02)[0]
    hint = scene.add("EmptyImage", width=128, height=128, batch_size=1, color=0)[0]
    given = {"conditioning": scene.say(CIRCLE), "control_net": network, "image": hint, "strength": 1.0}
    return scene.add("ControlNetApply", **given)[0]
