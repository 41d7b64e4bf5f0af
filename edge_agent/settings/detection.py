"""The settings of the detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from edge_agent.settings.section import Section, split_list

OpenVinoDevice = Literal["AUTO", "GPU", "GPU.0", "GPU.1", "NPU", "CPU"]


class DetectionSettings(Section):
    """How faces are detected, and which of them count."""

    strategies: Annotated[
        tuple[Literal["edgetpu", "gpu", "openvino", "cpu", "mock"], ...], NoDecode, BeforeValidator(split_list)
    ] = Field(
        ("edgetpu", "gpu", "openvino", "cpu"), min_length=1, description="Detection strategies in order of preference"
    )
    cpu_model: Literal["auto", "yunet_n", "yunet_opencv", "centerface", "blazeface", "mediapipe"] = Field(
        "auto",
        description="Model of the strategy `cpu`; auto: yunet_n, or centerface if only the package index is reachable",
    )
    second_stage: Literal["night_and_press", "press", "off"] = Field(
        "night_and_press",
        description="When the second stage (centerface) runs: in press frames after an unsure first stage, and in dark"
        " pictures instead of the first stage",
    )
    edgetpu_model: Path | None = Field(
        None,
        description="Your own model file, compiled for the EdgeTPU, with SSD post-processing; empty: the default model",
    )
    edgetpu_library: str = Field("libedgetpu.so.1", min_length=1, description="Library of the EdgeTPU")
    edgetpu_devices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        ("any",),
        min_length=1,
        description="EdgeTPU devices: any, or the names that libedgetpu uses, such as usb:0, usb:1, pci:0",
    )
    gpu_provider: Literal["CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"] = Field(
        "CUDAExecutionProvider",
        description="onnxruntime's execution provider; CPUExecutionProvider tests the setup without a GPU",
    )
    gpu_devices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        ("0",), min_length=1, description="GPU numbers"
    )
    openvino_devices: Annotated[tuple[OpenVinoDevice, ...], NoDecode, BeforeValidator(split_list)] = Field(
        ("AUTO",),
        min_length=1,
        description="OpenVINO's devices: AUTO (the first Intel GPU, or else NPU), or names: GPU, GPU.1, NPU, CPU",
    )
    mock_script: str = Field("", description="Script of the strategy `mock`, as JSON; for tests")
    min_confidence: float = Field(
        0.7,
        ge=0.01,
        le=0.99,
        description="Minimum confidence (0 to 1, over MQTT in percent); a face below it is listed as rejected",
    )
