/**
 * What a client tells its model about this server. Clients cut it at 2,048 characters (X15), so it stands on its own
 * below that; a test holds it there.
 */
export function writeInstructions(title: string): string {
  return `${title} finds, runs and keeps the results of AI models (image, video, audio, text, 3D) across all connected providers.

Typical flow: search_models (featured=true for a curated shortlist, kind=solution for packaged workflows) -> get_model (inputs, price) -> run_model -> show the output links.

Rules
- Never invent a model id: use one that search_models returned. When a solution fits the task, prefer it to a bare model; each solution is also a prompt.
- run_model spends credits. Before an expensive or repeated run, call estimate_cost, or pass max_cost, or dry_run=true; tell the user the price when it is not trivial.
- Always pass client_ref to run_model (any unique text). After a time-out, a lost connection or an error, call again with the same client_ref: it returns the same run and never charges twice. Do not start a second run instead.
- Status queued or running is not a failure: the run goes on. Continue as its next_action says, with get_run(run_id, wait_seconds=25), until the status is succeeded, failed, cancelled or expired. list_runs finds a run whose id was lost.
- File inputs take a URL or an asset id. For a local file call create_upload and run the returned curl command; upload_file copies a public URL. Local paths cannot be read here.
- Show images as Markdown images of their URL, other outputs as links, with the time and the cost. Call view_output only when you must look at a picture yourself.
- An error begins with [code] and says what to do next: follow next_action; wait retry_after_seconds before a retry; correct the named fields after validation_failed. Nothing was charged when validation failed.
- Breaking off a call or closing the client stops no run: it goes on and is charged. cancel_run stops one. get_account shows balances, spend, budgets and which providers are connected.`;
}
