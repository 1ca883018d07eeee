/** The skill of Runflow as instructions: solutions first. Its first 2,000 characters are enough by themselves (X15). */
export function writeInstructions(title: string): string {
  return `${title} runs packaged workflows (Solutions) and models for images, videos and sounds behind one call.

Solutions first
- Before you pick a model, call list_models(category="solution"). A Solution (provider_slug=runflow) does one job end to end, tuned and tested: removing objects, headshots, upscaling, inpainting logos, segmentation. When one fits the task, use it; take a bare provider model only when none does.
- Each active Solution is also a prompt (/runflow:<slug>) with its required inputs.

Flow
1. list_models: filter by category, provider or query. Use the model argument it shows ("provider/slug"); slugs may be nested (runflow/object-removal/prompt, alibaba/wan/v2.7/text-to-video). Never invent one.
2. generate(model, input): waits for the end and returns the outputs. Inputs differ from model to model; a wrong field is named in the error, and nothing is charged then.
3. Show the outputs: images as Markdown images, others as links, with the cost.

Long runs
- Pass client_ref for whatever may take longer than a minute (video). After polling_timeout call generate again with the same model and the same client_ref: it returns the same run and charges nothing twice.
- wait=false returns at once with a run_id, which the REST API knows too.
- A run cannot be cancelled: what was taken is finished and charged.

Errors begin with [code]. insufficient_credits: top up at app.runflow.io. unauthorized: the key is refused; keys begin with rf_live_ (service keys, rf_svc_, never run anything). model_not_found: look it up with list_models. validation_failed: correct the named fields and call again.`;
}
