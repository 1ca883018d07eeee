import { describe, expect, test } from 'vitest';
import { errorCodes } from './error-codes.ts';
import { events } from './events/index.ts';
import { operations } from './operations/index.ts';
import { isScope } from './principal.ts';
import { rpcs } from './rpc/index.ts';

describe.each(operations.map((operation) => [operation.name, operation] as const))(
  'the operation %s',
  (name, operation) => {
    test('has a subject of its name, which is a verb and a noun', () => {
      expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)+$/);
      expect(operation.subject).toBe(`ops.v1.${name}`);
    });

    test('names a scope that exists', () => {
      expect(isScope(operation.scope)).toBe(true);
    });
  },
);

test('each subject is there once', () => {
  const subjects = [...operations, ...rpcs, ...events].map(({ subject }) => subject);

  expect(new Set(subjects).size).toBe(subjects.length);
});

describe('pinned', () => {
  test('operations, in the order of their list', () => {
    expect(operations.map(({ subject }) => subject)).toEqual([
      'ops.v1.search_models',
      'ops.v1.get_model',
      'ops.v1.estimate_cost',
      'ops.v1.run_model',
      'ops.v1.get_run',
      'ops.v1.list_runs',
      'ops.v1.cancel_run',
      'ops.v1.continue_run',
      'ops.v1.create_upload',
      'ops.v1.upload_file',
      'ops.v1.view_output',
      'ops.v1.get_account',
      'ops.v1.list_assets',
      'ops.v1.update_assets',
      'ops.v1.delete_assets',
      'ops.v1.wrapper_guide',
      'ops.v1.preview_wrapper',
      'ops.v1.create_wrapper',
      'ops.v1.patch_wrapper',
      'ops.v1.delete_wrapper',
      'ops.v1.list_capabilities',
      'ops.v1.read_model_record',
      'ops.v1.search_community',
      'ops.v1.upload_weights',
      'ops.v1.store_media',
      'ops.v1.read_platform_account',
      'ops.v1.get_task',
      'ops.v1.call_infra',
      'ops.v1.describe_infra',
      'ops.v1.list_infra',
      'ops.v1.get_infra',
      'ops.v1.create_infra',
      'ops.v1.update_infra',
      'ops.v1.act_on_infra',
      'ops.v1.delete_infra',
      'ops.v1.read_infra_logs',
      'ops.v1.run_batch',
      'ops.v1.get_batch',
      'ops.v1.cancel_batch',
    ]);
  });

  test('error codes', () => {
    expect(Object.keys(errorCodes)).toEqual([
      'host_rejected',
      'origin_rejected',
      'body_too_large',
      'missing_authorization',
      'malformed_authorization',
      'invalid_token',
      'insufficient_scope',
      'rate_limited',
      'not_found',
      'method_not_allowed',
      'unsupported_media_type',
      'parse_error',
      'invalid_request',
      'method_not_found',
      'header_mismatch',
      'unsupported_protocol_version',
      'validation_failed',
      'invalid_cursor',
      'tool_not_available',
      'prompt_not_found',
      'resource_not_found',
      'task_not_found',
      'stream_not_found',
      'session_not_found',
      'client_capability_missing',
      'client_input_missing',
      'deadline_exceeded',
      'cancelled',
      'unavailable',
      'busy',
      'message_too_large',
      'internal',
      'model_not_found',
      'ambiguous_model',
      'wrapper_not_found',
      'wrapper_broken',
      'version_conflict',
      'too_many_wrappers',
      'run_not_ended',
      'webhook_not_found',
      'run_not_found',
      'idempotency_conflict',
      'max_cost_exceeded',
      'quote_invalid',
      'quote_expired',
      'quote_exceeded',
      'confirmation_required',
      'confirmation_declined',
      'budget_exceeded',
      'budget_currency_mismatch',
      'price_unknown',
      'too_many_runs',
      'insufficient_credits',
      'polling_timeout',
      'generate_failed',
      'submit_unknown',
      'run_expired',
      'catalog_fetch_failed',
      'provider_paused',
      'provider_not_connected',
      'unauthorized',
      'forbidden',
      'content_blocked',
      'upstream_unavailable',
      'upstream_failed',
      'upstream_malformed',
      'asset_not_found',
      'asset_not_ready',
      'upload_expired',
      'upload_mismatch',
      'upload_too_large',
      'file_outside_roots',
      'file_not_found',
      'storage_quota_exceeded',
      'url_rejected',
      'url_fetch_failed',
      'not_viewable',
    ]);
  });

  test('subjects of requests between services', () => {
    expect(rpcs.map(({ subject }) => subject)).toEqual([
      'rpc.v1.auth.verify_key',
      'rpc.v1.auth.read_revocations',
      'rpc.v1.auth.read_jwks',
      'rpc.v1.auth.read_vault_key',
      'rpc.v1.auth.open_credential',
      'rpc.v1.auth.read_access',
      'rpc.v1.auth.report_credential',
      'rpc.v1.auth.release_credential',
      'rpc.v1.auth.verify_passthrough',
      'rpc.v1.auth.list_connections',
      'rpc.v1.catalog.prepare_run',
      'rpc.v1.catalog.prepare_runs',
      'rpc.v1.catalog.list_providers',
      'rpc.v1.inference.read_usage',
      'rpc.v1.inference.read_budgets',
      'rpc.v1.inference.read_outputs',
      'rpc.v1.inference.read_deliveries',
      'rpc.v1.inference.replay_webhook',
      'rpc.v1.inference.forget_payload',
      'rpc.v1.inference.read_client_events',
      'rpc.v1.inference.read_event_key',
      'rpc.v1.inference.subscribe_client_events',
      'rpc.v1.inference.unsubscribe_client_events',
      'rpc.v1.inference.browse_runs',
      'rpc.v1.inference.read_spend',
      'rpc.v1.inference.read_operation',
      'rpc.v1.inference.operate',
      'rpc.v1.upload.open_asset',
      'rpc.v1.upload.resolve_assets',
      'rpc.v1.upload.read_storage',
      'rpc.v1.upload.read_waveform',
      'rpc.v1.upload.make_sheet',
    ]);
  });

  test('subjects of events', () => {
    expect(events.map(({ subject }) => subject)).toEqual([
      'events.v1.run.progressed',
      'events.v1.run.finished',
      'events.v1.run.queued',
      'events.v1.run.cancel_requested',
      'events.v1.catalog.changed',
      'events.v1.wrapper.changed',
      'events.v1.grant.revoked',
      'events.v1.auth.jwks_changed',
      'events.v1.auth.connection_changed',
      'events.v1.auth.passthrough_seen',
      'events.v1.call.cancelled',
      'events.v1.client.answered',
      'events.v1.surface.changed',
      'events.v1.resource.updated',
    ]);
  });
});
