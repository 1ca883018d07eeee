import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { currency, dateTime, jsonObject, ValidationProblem } from '../shapes/basics.ts';

export const estimateCost = defineOperation({
  name: 'estimate_cost',
  toolset: 'discover',
  scope: 'models:read',
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id'),
    input: jsonObject.optional().describe('The input you would run'),
    count: z.int().min(1).max(1_000).optional().describe('How many such runs'),
  }),
  reply: z.object({
    currency: currency.optional(),
    min: z.number().optional().describe('Low'),
    max: z.number().optional().describe('High'),
    exact: z.boolean().optional().describe('True when the price is fixed for this input'),
    unpriced_inputs: z.array(z.string()).optional().describe('Inputs the quote ignored'),
    basis: z.string().optional().describe('per_image, per_second, per_request, per_hour, unknown'),
    kind: z.string().optional().describe('exact, range, floor or unknown'),
    quote_id: z.string().optional().describe('Holds the price of one run for a while: pass to run_model'),
    quote_expires_at: dateTime.optional(),
    balance: z.number().optional().describe('Provider balance if known'),
    budget_left: z.number().optional().describe('Left of the caller budget'),
    allowed: z.boolean().optional().describe('Would run_model accept it now'),
    refusal: z.string().optional().describe('Why not, and what to do'),
    validation: z.array(ValidationProblem).optional().describe('Input problems'),
    error: ErrorEnvelope.optional(),
  }),
});
