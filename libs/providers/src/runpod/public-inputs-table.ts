/**
 * Inputs by endpoint, as `name!:type=default (notes)`: names, types, defaults and ranges of the platform's documentation
 * (docs.runpod.io/public-endpoints/models, 2026-08-20). Notes are told and not enforced, since models change there.
 */
export const publicInputs: Readonly<Record<string, string>> = {
  'black-forest-labs-flux-1-dev': `
    prompt!:string | negative_prompt:string | width:integer=1024 (256 to 1536) |
    height:integer=1024 (256 to 1536) | num_inference_steps:integer=28 (1 to 50) |
    guidance:number=7.5 (0 to 10) | seed:integer=-1 | image_format:string=jpeg (png, jpeg)`,
  'black-forest-labs-flux-1-kontext-dev': `
    prompt!:string | image!:string | negative_prompt:string | size:string=1024*1024 |
    num_inference_steps:integer=28 (1 to 50) | guidance:number=2 (0 to 10) | seed:integer=-1 |
    output_format:string=png (png, jpeg) | enable_safety_checker:boolean=true`,
  'black-forest-labs-flux-1-schnell': `
    prompt!:string | negative_prompt:string | width:integer=1024 (256 to 1536) |
    height:integer=1024 (256 to 1536) | num_inference_steps:integer=4 (1 to 8) |
    guidance:number=7.5 (0 to 10) | seed:integer=-1 | image_format:string=jpeg (png, jpeg)`,
  'chatterbox-turbo': `
    prompt!:string |
    voice:string=lucy (aaron, abigail, anaya, andy, archer, brian, chloe, dylan, emmanuel, ethan, evelyn, gavin, gordon, ivan, laura, lucy, madison, marisol, meera, walter) |
    voice_url:string | format:string=wav (wav, flac, ogg)`,
  'cogito-671b-v2-1-fp8-dynamic': `
    prompt!:string | max_tokens:integer=512 | temperature:number=0.7 (0 to 1) | top_p:number |
    top_k:integer | stop:string`,
  'google-nano-banana-2-edit': `
    images!:array (up to 14) | prompt!:string | resolution:string=1k (1k, 2k, 4k) |
    aspect_ratio:string | output_format:string=png (png, jpeg) | enable_base64_output:boolean=false`,
  'gpt-oss-120b': `
    prompt!:string | max_tokens:integer=512 | temperature:number=0.7 (0 to 1) | top_p:number |
    top_k:integer | stop:string`,
  'granite-4-0-h-small': `
    messages!:array | sampling_params:object`,
  infinitetalk: `
    prompt!:string | image!:string | audio!:string | size!:string (480p, 720p) |
    enable_safety_checker:boolean=true`,
  'kling-v2-1-i2v-pro': `
    prompt!:string | image!:string | negative_prompt:string | guidance_scale:number=0.5 |
    duration:integer=5 | enable_safety_checker:boolean=true`,
  'kling-v2-6-std-motion-control': `
    image!:string | video!:string | character_orientation!:string (video, image) | prompt:string |
    negative_prompt:string | keep_original_sound:boolean=true`,
  'kling-video-o1-r2v': `
    prompt!:string | images!:array (1 to 10) | video:string | negative_prompt:string |
    aspect_ratio:string=16:9 (16:9, 9:16, 1:1) | duration:integer=5 (3 to 10) | seed:integer=-1 |
    enable_prompt_expansion:boolean=false | enable_safety_checker:boolean=true`,
  'minimax-speech-02-hd': `
    prompt!:string | voice_id:string=Wise_Woman | speed:number=1 | volume:number=1 | pitch:number=0 |
    emotion:string=neutral (happy, sad, neutral, angry, fearful, surprised) |
    english_normalization:boolean=false | default_audio_url:string`,
  'moonshot-kimi': `
    messages!:array | model:string=kimi-k2.6 (kimi-k2.6, kimi-k2.7-code, kimi-k3) |
    sampling_params:object`,
  'nano-banana-edit': `
    prompt!:string | images!:array (up to 4) | enable_safety_checker:boolean=true`,
  'nano-banana-pro-edit': `
    prompt!:string | images!:array (up to 14) | resolution:string=2k (1k, 2k, 4k) |
    aspect_ratio:string=1:1 (1:1, 3:2, 2:3, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9) |
    output_format:string=png (png, jpeg) | enable_safety_checker:boolean=true`,
  'p-image-edit': `
    prompt!:string | images!:array (1 to 5) |
    aspect_ratio:string=match_input_image (match_input_image, 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3) |
    seed:integer=-1 | disable_safety_checker:boolean=false`,
  'p-image-t2i': `
    prompt!:string | aspect_ratio:string=16:9 (1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3) | seed:integer |
    disable_safety_checker:boolean=false`,
  'p-video': `
    prompt!:string | image:string | audio:string | duration:integer=5 (1 to 10) |
    resolution:string=720p (720p, 1080p) | fps:integer=24 (24, 48) |
    aspect_ratio:string=16:9 (16:9, 9:16, 4:3, 3:4, 3:2, 2:3, 1:1) | seed:integer |
    draft:boolean=false | save_audio:boolean=true | prompt_upsampling:boolean=true`,
  'qwen-image-edit': `
    prompt!:string | image!:string | negative_prompt:string | seed:integer=-1 |
    output_format:string=jpeg (png, jpeg) | enable_safety_checker:boolean=true`,
  'qwen-image-edit-2511': `
    prompt!:string | images!:array (1 to 3) |
    size:string=1024*1024 (1024*1024, 1024*1280, 1280*1024, 1280*1280, 1280*1536, 1536*1080) |
    seed:integer=-1 | output_format:string=jpeg (jpeg, png, webp)`,
  'qwen-image-edit-2511-lora': `
    prompt!:string | images!:array (1 to 3) | loras:array |
    size:string=1024*1024 (1024*1024, 1024*1280, 1280*1024, 1280*1280, 1280*1536, 1536*1080) |
    seed:integer=-1 | output_format:string=jpeg (jpeg, png, webp)`,
  'qwen-image-t2i': `
    prompt!:string | negative_prompt:string | size:string=1024*1024 | seed:integer=-1 |
    enable_safety_checker:boolean=true`,
  'qwen-image-t2i-lora': `
    prompt!:string | loras:array | size:string=1024*1024 | seed:integer=-1 |
    enable_safety_checker:boolean=true`,
  'qwen3-32b-awq': `
    prompt!:string | max_tokens:integer=512 | temperature:number=0.7 (0 to 1) | top_p:number |
    top_k:integer | stop:string`,
  'seedance-v1-5-pro-i2v': `
    prompt!:string | image!:string | last_image:string | duration:integer=5 (4 to 12) |
    resolution:string=720p (480p, 720p) | aspect_ratio:string=16:9 (21:9, 16:9, 9:16, 1:1, 4:3, 3:4) |
    camera_fixed:boolean=false | generate_audio:boolean=false | seed:integer=-1`,
  'seedream-v4-edit': `
    prompt!:string | images!:array | size:string=1024*1024 | enable_safety_checker:boolean=true`,
  'seedream-v4-t2i': `
    prompt!:string | negative_prompt:string | size:string=1024*1024 | seed:integer=-1 |
    enable_safety_checker:boolean=true`,
  'sora-2-i2v': `
    prompt!:string | image!:string | duration!:integer (4, 8, 12)`,
  'sora-2-pro-i2v': `
    prompt!:string | image!:string | size:string=720p | duration!:integer (4, 8, 12)`,
  'vidu-q3-i2v': `
    image!:string | prompt!:string | resolution:string=720p (540p, 720p, 1080p) |
    duration:integer=5 (1 to 16) | movement_amplitude:string=auto (auto, small, medium, large) |
    generate_audio:boolean=true | bgm:boolean=true | seed:integer=-1`,
  'vidu-q3-t2v': `
    prompt!:string | style:string=general (general, anime) |
    resolution:string=720p (540p, 720p, 1080p) | duration:integer=5 (1 to 16) |
    aspect_ratio:string=4:3 (16:9, 9:16, 4:3, 3:4, 1:1) |
    movement_amplitude:string=auto (auto, small, medium, large) | generate_audio:boolean=true |
    bgm:boolean=true | seed:integer=-1`,
  'wan-2-1-i2v-720': `
    prompt!:string | image!:string | negative_prompt:string | size:string=1280*720 |
    num_inference_steps:integer=30 (1 to 50) | guidance:number=5 (0 to 10) | duration:integer=5 |
    flow_shift:integer=5 | seed:integer=-1 | enable_prompt_optimization:boolean=false |
    enable_safety_checker:boolean=true`,
  'wan-2-2-i2v-720': `
    prompt!:string | image!:string | negative_prompt:string | size:string=1280*720 |
    num_inference_steps:integer=30 (1 to 50) | guidance:number=5 (0 to 10) | duration:integer=5 |
    flow_shift:integer=5 | seed:integer=-1 | enable_prompt_optimization:boolean=false |
    enable_safety_checker:boolean=true`,
  'wan-2-2-t2v-720-lora': `
    prompt!:string | image!:string | high_noise_loras:array | low_noise_loras:array |
    duration:integer=5 | seed:integer=-1 | enable_safety_checker:boolean=true`,
  'wan-2-5': `
    prompt!:string | image!:string | negative_prompt:string | size:string=1280*720 |
    duration:integer=5 | seed:integer=-1 | enable_prompt_expansion:boolean=false |
    enable_safety_checker:boolean=true`,
  'wan-2-6-i2v': `
    prompt!:string | image!:string | audio:string | negative_prompt:string |
    size:string=1280*720 (1280*720, 1920*1080) | duration:integer=5 (5, 10, 15) |
    shot_type:string=single (single, multi) | seed:integer=-1 | enable_prompt_expansion:boolean=false |
    enable_safety_checker:boolean=true`,
  'wan-2-6-t2i': `
    prompt!:string | size:string=1024*1024 (1024*1024, 1024*768, 1440*1024) | seed:integer=-1 |
    enable_safety_checker:boolean=true`,
  'wan-2-6-t2v': `
    prompt!:string | negative_prompt:string | duration:integer=5 (5, 10, 15) |
    size:string=1280*720 (1280*720, 1920*1080, 720*1280, 1080*1920) |
    shot_type:string=single (single, multi) | seed:integer=-1 | enable_prompt_expansion:boolean=false |
    audio:string`,
  'z-image-turbo': `
    prompt!:string | image:string |
    size:string=1024*1024 (512*512, 768*768, 1024*1024, 1280*1280, 1024*768, 768*1024, 1280*720, 720*1280) |
    strength:number=0.8 (0 to 1) | seed:integer=-1 | output_format:string=png (png, jpeg, webp) |
    enable_safety_checker:boolean=true`,
};
