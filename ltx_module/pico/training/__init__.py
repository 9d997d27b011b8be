"""How pico's weights are made: its parts are trained on the drawn world, one after the other, on one GPU.

    python -m ltx_module.pico.training train_video_vae PARTS --minutes 14     pixels to latents and back
    python -m ltx_module.pico.training train_audio_vae PARTS --minutes 2      spectrograms to latents and back
    python -m ltx_module.pico.training fit_vocoder PARTS                      spectrograms to waveforms, on a CPU
    python -m ltx_module.pico.training train_generator PARTS --minutes 6      Gemma, connectors and transformer
    python -m ltx_module.pico.training write_bundle PARTS assets/pico         the single file and the Gemma directory

Each stage goes on from its file in PARTS if there is one.
"""
