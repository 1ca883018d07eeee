export { openProviders } from '@inferry/providers';
